import Bytes
import Crypto

// The messages by which two nodes prove the secret to each other. Layout: docs/formats/wire.md.
//
// Each side contributes a nonce and proves, over all that was said, that it knows the secret: so no
// proof is of any use to anybody who recorded it. The secret itself is never sent.

/// The first message of whoever opens the connection.
struct SessionHello: Equatable, Sendable {
  static let magic = UInt8(ascii: "S")
  static let version: UInt8 = 1
  static let nonceBytes = 32

  var least: UInt8 = version
  var greatest: UInt8 = version
  /// 0 where it does not know yet, and asks.
  var cluster: UInt64
  var from: Incarnated
  /// Whom it means; 0: whoever answers.
  var expected: NodeID
  var nonce: [UInt8]
  /// Which secrets it knows, the preferred one first.
  var secretIDs: [UInt32]

  func encoded() -> [UInt8] {
    var buffer = ByteBuffer(capacity: 80)
    buffer.appendUInt8(Self.magic)
    buffer.appendUInt8(least)
    buffer.appendUInt8(greatest)
    buffer.appendUInt64(cluster)
    buffer.appendUInt64(from.node.rawValue)
    buffer.appendUInt32(from.boot)
    buffer.appendUInt64(expected.rawValue)
    buffer.append(nonce)
    buffer.appendUInt8(UInt8(truncatingIfNeeded: secretIDs.count))
    for id in secretIDs { buffer.appendUInt32(id) }
    return buffer.copied()
  }

  static func decode(_ bytes: Span<UInt8>) -> SessionHello? {
    var reader = ByteReader(bytes)
    guard reader.readUInt8() == magic, let least = reader.readUInt8(),
      let greatest = reader.readUInt8(), least <= greatest, let cluster = reader.readUInt64(),
      let node = reader.readUInt64(), let boot = reader.readUInt32(),
      let expected = reader.readUInt64(), let nonce = reader.readArray(nonceBytes),
      let count = reader.readUInt8(), count > 0, count <= ClusterSecret.secretsMax
    else { return nil }
    var ids: [UInt32] = []
    for _ in 0..<count {
      guard let id = reader.readUInt32() else { return nil }
      ids.append(id)
    }
    guard reader.remaining == 0 else { return nil }
    return SessionHello(
      least: least, greatest: greatest, cluster: cluster,
      from: Incarnated(node: NodeID(node), boot: boot), expected: NodeID(expected), nonce: nonce,
      secretIDs: ids)
  }
}

/// The answer of whoever was dialled; its own proof stands behind it.
struct SessionAnswer: Equatable, Sendable {
  static let bytes = 69

  var cluster: UInt64
  var from: Incarnated
  var session: UInt64
  /// Which of the secrets offered it proves.
  var secretID: UInt32
  var nonce: [UInt8]

  /// Without the proof.
  func encoded() -> [UInt8] {
    var buffer = ByteBuffer(capacity: Self.bytes + SHA256.digestBytes)
    buffer.appendUInt8(SessionHello.magic)
    buffer.appendUInt8(SessionHello.version)
    buffer.appendUInt64(cluster)
    buffer.appendUInt64(from.node.rawValue)
    buffer.appendUInt32(from.boot)
    buffer.appendUInt64(session)
    buffer.appendUInt32(secretID)
    buffer.append(nonce)
    return buffer.copied()
  }

  static func decode(_ bytes: Span<UInt8>) -> (answer: SessionAnswer, proof: [UInt8])? {
    var reader = ByteReader(bytes)
    guard reader.readUInt8() == SessionHello.magic, reader.readUInt8() == SessionHello.version,
      let cluster = reader.readUInt64(), let node = reader.readUInt64(), node != 0,
      let boot = reader.readUInt32(), let session = reader.readUInt64(),
      let secretID = reader.readUInt32(), let nonce = reader.readArray(SessionHello.nonceBytes),
      let proof = reader.readArray(SHA256.digestBytes), reader.remaining == 0
    else { return nil }
    let answer = SessionAnswer(
      cluster: cluster, from: Incarnated(node: NodeID(node), boot: boot), session: session,
      secretID: secretID, nonce: nonce)
    return (answer, proof)
  }
}

/// What both sides compute from what was said.
struct SessionTranscript {
  let key: [UInt8]
  let hello: [UInt8]
  let answer: [UInt8]

  init(secret: ClusterSecret, cluster: UInt64, hello: [UInt8], answer: [UInt8]) {
    let info = Array("peer-auth".utf8)
    key = secret.key(cluster: cluster, info: info.span)
    self.hello = hello
    self.answer = answer
  }

  /// The proof of the side that was dialled.
  var acceptorProof: [UInt8] { proof(UInt8(ascii: "s")) }

  /// The proof of the side that dialled.
  var initiatorProof: [UInt8] { proof(UInt8(ascii: "c")) }

  private func proof(_ side: UInt8) -> [UInt8] {
    var message = ByteBuffer(capacity: 1 + hello.count + answer.count)
    message.append(side)
    message.append(hello)
    message.append(answer)
    return HMAC.sha256(key: key.span, message: message.span)
  }

  /// The key of this one session: another one for any other nonce, node or boot.
  var sessionKey: [UInt8] {
    var said = ByteBuffer(capacity: hello.count + answer.count)
    said.append(hello)
    said.append(answer)
    let salt = SHA256.hash(of: said.span)
    let info = Array("peer-session".utf8)
    return KeyDerivation.hkdf(
      secret: key.span, salt: salt.span, info: info.span, count: AEAD.keyBytes)
  }
}
