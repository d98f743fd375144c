import Bytes
import Crypto
import Testing

@Suite("AEAD")
struct AEADTests {
  struct Example: Sendable {
    let key, nonce, associatedData, plaintext, sealed: String
  }

  /// Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", which
  /// NIST adopted.
  static let examples: [Example] = [
    Example(
      key: String(repeating: "00", count: 32), nonce: String(repeating: "00", count: 12),
      associatedData: "", plaintext: "", sealed: "530f8afbc74536b9a963b4f1c4cb738b"),
    Example(
      key: String(repeating: "00", count: 32), nonce: String(repeating: "00", count: 12),
      associatedData: "", plaintext: String(repeating: "00", count: 16),
      sealed: "cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919"),
    Example(
      key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      nonce: "cafebabefacedbaddecaf888", associatedData: "",
      plaintext: """
        d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
        1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255
        """,
      sealed: """
        522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
        8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad
        b094dac5d93471bdec1a502270e3cc6c
        """),
    Example(
      key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      nonce: "cafebabefacedbaddecaf888",
      associatedData: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      plaintext: """
        d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
        1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39
        """,
      sealed: """
        522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
        8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
        76fc6ece0f4e1768cddf8853bb2d551b
        """),
  ]

  @Test("the published examples are sealed and opened", arguments: examples)
  func example(example: Example) {
    var aead = AEAD(key: hex(example.key).span)
    var sealed = ByteBuffer()
    aead.seal(
      nonce: nonce(example.nonce), associatedData: hex(example.associatedData).span,
      plaintext: hex(example.plaintext).span, into: &sealed)
    #expect(sealed.copied() == hex(example.sealed))
    var plaintext = ByteBuffer()
    let opened = aead.open(
      nonce: nonce(example.nonce), associatedData: hex(example.associatedData).span,
      sealed: sealed.span, into: &plaintext)
    #expect(opened)
    #expect(plaintext.copied() == hex(example.plaintext))
  }

  static let key = hex(examples[2].key)
  static let header = ascii("segment 7")
  static let message = ascii("the message")
  static let place = Nonce(prefix: 1, counter: 2)

  static func sealedMessage() -> [UInt8] {
    var aead = AEAD(key: key.span)
    var sealed = ByteBuffer()
    aead.seal(nonce: place, associatedData: header.span, plaintext: message.span, into: &sealed)
    return sealed.copied()
  }

  /// Opens with a fresh key; nil where it was refused. What stood in the buffer must stay.
  func open(
    _ sealed: [UInt8], key: [UInt8] = key, nonce: Nonce = place, header: [UInt8] = header
  ) -> [UInt8]? {
    var aead = AEAD(key: key.span)
    var buffer = ByteBuffer()
    buffer.append(ascii("before "))
    let opened = aead.open(
      nonce: nonce, associatedData: header.span, sealed: sealed.span, into: &buffer)
    let content = buffer.copied()
    #expect(content.starts(with: ascii("before ")))
    if !opened { #expect(content.count == 7) }
    return opened ? Array(content.dropFirst(7)) : nil
  }

  @Test("sealing and opening append behind what is there")
  func appends() {
    #expect(open(Self.sealedMessage()) == Self.message)
    var aead = AEAD(key: Self.key.span)
    var buffer = ByteBuffer()
    buffer.append(ascii("length"))
    aead.seal(
      nonce: Self.place, associatedData: Self.header.span, plaintext: Self.message.span,
      into: &buffer)
    #expect(buffer.copied() == ascii("length") + Self.sealedMessage())
  }

  @Test("every flipped bit of ciphertext and tag is refused, and nothing is appended")
  func flippedBits() {
    var sealed = Self.sealedMessage()
    for bit in 0..<sealed.count * 8 {
      sealed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(open(sealed) == nil)
      sealed[bit / 8] ^= 1 << UInt8(bit % 8)
    }
    #expect(open(sealed) == Self.message)
  }

  @Test("another key, nonce or associated data is refused")
  func otherContext() {
    let sealed = Self.sealedMessage()
    var key = Self.key
    key[31] ^= 1
    #expect(open(sealed, key: key) == nil)
    #expect(open(sealed, nonce: Nonce(prefix: 1, counter: 3)) == nil)
    #expect(open(sealed, nonce: Nonce(prefix: 2, counter: 2)) == nil)
    #expect(open(sealed, header: ascii("segment 8")) == nil)
    #expect(open(sealed, header: []) == nil)
  }

  @Test("what is cut short at any place, or longer, is refused")
  func cut() {
    let sealed = Self.sealedMessage()
    for count in 0..<sealed.count { #expect(open(Array(sealed.prefix(count))) == nil) }
    #expect(open(sealed + [0]) == nil)
  }

  @Test("one value seals and opens many messages, a refusal between them harms none")
  func many() {
    var aead = AEAD(key: Self.key.span)
    for number in 0..<100 {
      let message = [UInt8](repeating: UInt8(number), count: number * 13)
      let place = Nonce(prefix: 9, counter: UInt64(number))
      var sealed = ByteBuffer()
      aead.seal(
        nonce: place, associatedData: Self.header.span, plaintext: message.span, into: &sealed)
      var plaintext = ByteBuffer()
      let wrong = aead.open(
        nonce: place, associatedData: Self.message.span, sealed: sealed.span, into: &plaintext)
      #expect(!wrong)
      let right = aead.open(
        nonce: place, associatedData: Self.header.span, sealed: sealed.span, into: &plaintext)
      #expect(right)
      #expect(plaintext.copied() == message)
    }
  }
}
