import Testing

@testable import Crypto

@Suite("Secret")
struct SecretTests {
  @Test("it has the bytes that it took, and the array has none any more")
  func taking() {
    var bytes: [UInt8] = [1, 2, 3]
    let secret = Secret(taking: &bytes)
    #expect(bytes == [])
    #expect(copy(secret) == [1, 2, 3] && secret.count == 3)
  }

  @Test("copying leaves the source as it is")
  func copying() {
    let bytes: [UInt8] = [4, 5]
    let secret = Secret(copying: bytes.span)
    #expect(copy(secret) == bytes)
    #expect(copy(Secret(copying: [UInt8]().span)) == [])
  }

  private func copy(_ secret: Secret) -> [UInt8] {
    var bytes: [UInt8] = []
    let span = secret.span
    for index in span.indices { bytes.append(span[index]) }
    return bytes
  }
}
