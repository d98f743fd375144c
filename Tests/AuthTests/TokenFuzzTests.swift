import Auth
import Bytes
import Testing

@Suite("TokenFuzz")
struct TokenFuzzTests {
  @Test("random changes of headers and claims break no promise")
  func randomChanges() {
    var random = SeededRandom(seed: 7515)
    let pieces = [
      plainHeader + "\n" + plainClaims, #"{"alg":"HS256"}"# + "\n" + #"{"sub":"a","exp":1e4}"#,
      #"{"alg":"HS256","crit":[]}"# + "\n" + #"{"sub":"\ud800","exp":"1","nbf":-1}"#,
      "ln=15,r=8,p=1", "QUJD-_", signed(plainHeader, plainClaims),
    ].map(ascii)
    for _ in 0..<20_000 {
      var bytes = pieces[Int(random.next(below: UInt64(pieces.count)))]
      for _ in 0..<random.next(below: 4) {
        let index = Int(random.next(below: UInt64(bytes.count)))
        switch random.next(below: 3) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.insert(bytes[Int(random.next(below: UInt64(bytes.count)))], at: index)
        default: if bytes.count > 1 { bytes.remove(at: index) }
        }
      }
      fuzzToken(bytes.span)
    }
  }
}
