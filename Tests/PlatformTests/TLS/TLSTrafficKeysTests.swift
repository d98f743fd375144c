import Bytes
import Testing

@testable import Platform

/// RFC 8446 §5.2, §5.3, §7: records sealed and opened with the keys of one direction.
@Suite("TLS traffic keys")
struct TLSTrafficKeysTests {
  static let suites: [TLSCipherSuite] = [.aes128GCM, .aes256GCM, .chaCha20Poly1305]

  static func secret(_ suite: TLSCipherSuite) -> [UInt8] {
    (0..<suite.secretBytes).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
  }

  static func keys(_ suite: TLSCipherSuite = .aes128GCM) -> TLSTrafficKeys {
    TLSTrafficKeys(suite: suite, secret: secret(suite).span, sequence: 0)
  }

  private func open(
    _ record: [UInt8], with keys: inout TLSTrafficKeys
  ) -> Result<TLSContentKind, TLSRecordError> {
    var buffer = ByteBuffer()
    return keys.open(record.span, into: &buffer)
  }

  private static func bytes(_ digits: String) -> [UInt8] { Hex.decode(Array(digits.utf8).span)! }

  // The numbers of RFC 8448 §3, "Simple 1-RTT Handshake".
  private let clientSecret = Self.bytes(
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
  private let serverSecret = Self.bytes(
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
  private let content = (0..<50).map { UInt8($0) }

  @Test("the client's records of RFC 8448 are sealed and opened as they stand there")
  func clientOfRFC8448() {
    let records: [(TLSContentKind, [UInt8], [UInt8])] = [
      (
        .applicationData, content,
        Self.bytes(
          "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a"
            + "20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4")
      ),
      (.alert, [1, 0], Self.bytes("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3")),
    ]
    var sealing = TLSTrafficKeys(suite: .aes128GCM, secret: clientSecret.span, sequence: 0)
    var opening = TLSTrafficKeys(suite: .aes128GCM, secret: clientSecret.span, sequence: 0)
    for (kind, content, record) in records {
      var sealed = ByteBuffer()
      sealing.seal(kind, content.span, into: &sealed)
      #expect(sealed.copied() == record)
      var opened = ByteBuffer()
      #expect(opening.open(record.span, into: &opened) == .success(kind))
      #expect(opened.copied() == content)
    }
  }

  @Test("so are the server's, which begin behind a ticket")
  func serverOfRFC8448() {
    var keys = TLSTrafficKeys(suite: .aes128GCM, secret: serverSecret.span, sequence: 1)
    var sealed = ByteBuffer()
    keys.seal(.applicationData, content.span, into: &sealed)
    keys.seal(.alert, [1, 0].span, into: &sealed)
    #expect(
      sealed.copied()
        == Self.bytes(
          "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb"
            + "501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d"
            + "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"))
  }

  @Test(
    "what one side seals the other opens, of every length, also behind key updates",
    arguments: suites)
  func roundTrip(suite: TLSCipherSuite) {
    var sealing = Self.keys(suite)
    var opening = Self.keys(suite)
    for (round, count) in [0, 1, 15, 16, 17, 1_000, 16_384, 3].enumerated() {
      let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      var sealed = ByteBuffer()
      sealing.seal(.applicationData, content.span, into: &sealed)
      #expect(sealed.count == count + 22)
      var opened = ByteBuffer()
      #expect(opening.open(sealed.span, into: &opened) == .success(.applicationData))
      #expect(opened.copied() == content)
      if round % 3 == 2 {
        sealing.update()
        opening.update()
        let numbers = [sealing.sequence, opening.sequence]
        #expect(numbers == [0, 0])
      }
    }
  }

  @Test("a record with a single bit changed, cut or lengthened is not authentic", arguments: suites)
  func tampered(suite: TLSCipherSuite) {
    var keys = Self.keys(suite)
    var sealed = ByteBuffer()
    keys.seal(.applicationData, [1, 2, 3].span, into: &sealed)
    let record = sealed.copied()
    for place in record.indices {
      var changed = record
      changed[place] ^= 1 << (place % 8)
      var fresh = Self.keys(suite)
      #expect(open(changed, with: &fresh) == .failure(.badRecord), "byte \(place)")
    }
    for count in record.indices {
      var fresh = Self.keys(suite)
      #expect(open(Array(record.prefix(count)), with: &fresh) == .failure(.badRecord))
    }
    var fresh = Self.keys(suite)
    #expect(open(record + [0], with: &fresh) == .failure(.badRecord))
  }

  @Test("nothing of a record that is not authentic reaches the buffer")
  func nothingLeaks() {
    var sealing = Self.keys()
    var opening = Self.keys()
    var sealed = ByteBuffer()
    sealing.seal(.applicationData, [UInt8](repeating: 7, count: 100).span, into: &sealed)
    var record = sealed.copied()
    record[record.count - 1] ^= 1
    var buffer = ByteBuffer()
    buffer.append([9])
    #expect(opening.open(record.span, into: &buffer) == .failure(.badRecord))
    #expect(buffer.copied() == [9])
  }

  @Test("a record opens once and in its place: neither again nor before its turn")
  func order() {
    var sealing = Self.keys()
    var records: [[UInt8]] = []
    for number in 0..<3 {
      var sealed = ByteBuffer()
      sealing.seal(.applicationData, [UInt8(number)].span, into: &sealed)
      records.append(sealed.copied())
    }
    var again = Self.keys()
    #expect(open(records[0], with: &again) == .success(.applicationData))
    #expect(open(records[0], with: &again) == .failure(.badRecord))
    var early = Self.keys()
    #expect(open(records[1], with: &early) == .failure(.badRecord))
  }

  @Test("padding goes; a record of nothing but padding, or of more than 16 KiB, is refused")
  func padding() {
    // A kind of 0 is no kind: what is sealed as content ends with the real kind and zeros.
    func inner(_ bytes: [UInt8]) -> Result<[UInt8], TLSRecordError> {
      var sealing = Self.keys()
      var opening = Self.keys()
      var sealed = ByteBuffer()
      sealing.seal(Array(bytes.dropLast()).span, last: bytes.last!, into: &sealed)
      var opened = ByteBuffer()
      return opening.open(sealed.span, into: &opened).map { [UInt8($0.rawValue)] + opened.copied() }
    }
    #expect(inner([5, 6, 23, 0, 0, 0]) == .success([23, 5, 6]))
    #expect(inner([5, 0, 21]) == .success([21, 5, 0]))
    #expect(inner([23]) == .success([23]))
    #expect(inner([0, 0, 0]) == .failure(.unexpected))
    #expect(inner([1, 2, 99]) == .failure(.unexpected))
    let long = [UInt8](repeating: 1, count: 16_384)
    #expect(inner(long + [23]) == .success([23] + long))
    #expect(inner(long + [1, 23]) == .failure(.tooLong))
  }
}
