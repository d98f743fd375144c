import Bytes
import Crypto

/// The side that was dialled: it answers a hello, and waits for the proof.
///
/// Until then nothing is known of the other side; the host keeps few of these, and not for long.
public struct SessionAcceptor: Sendable {
  public let session: UInt64
  /// Who the other side says it is.
  public let peer: Incarnated
  /// The body of the answer to the hello.
  public let answer: [UInt8]

  private let cluster: UInt64
  private let transcript: SessionTranscript

  /// Answers a hello. Refuses nothing but what could never become a session.
  ///
  /// - Parameters:
  ///   - nonce: 32 bytes that nobody can guess, new for each hello.
  ///   - session: a random number, of no other session of this process.
  public static func accept(
    hello bytes: Span<UInt8>, secrets: [ClusterSecret], cluster: UInt64, own: Incarnated,
    nonce: [UInt8], session: UInt64
  ) throws(SessionError) -> SessionAcceptor {
    precondition(nonce.count == SessionHello.nonceBytes, "the nonce of a session has 32 bytes")
    guard let hello = SessionHello.decode(bytes) else { throw .malformed }
    guard hello.least <= SessionHello.version, hello.greatest >= SessionHello.version else {
      throw .otherProtocol(least: SessionHello.version, greatest: SessionHello.version)
    }
    guard hello.cluster == 0 || hello.cluster == cluster else { throw .otherCluster }
    guard hello.expected == NodeID(0) || hello.expected == own.node else {
      throw .otherNode(own.node)
    }
    let known = hello.secretIDs.lazy.compactMap { id in secrets.first { $0.id == id } }
    guard let secret = known.first else { throw .wrongSecret }
    let answer = SessionAnswer(
      cluster: cluster, from: own, session: session, secretID: secret.id, nonce: nonce
    ).encoded()
    let transcript = SessionTranscript(
      secret: secret, cluster: cluster, hello: [UInt8](copying: bytes), answer: answer)
    return SessionAcceptor(
      session: session, peer: hello.from, answer: answer + transcript.acceptorProof,
      cluster: cluster, transcript: transcript)
  }

  private init(
    session: UInt64, peer: Incarnated, answer: [UInt8], cluster: UInt64,
    transcript: SessionTranscript
  ) {
    self.session = session
    self.peer = peer
    self.answer = answer
    self.cluster = cluster
    self.transcript = transcript
  }

  /// Which session a proof belongs to; nil where it is no proof.
  public static func session(ofProof bytes: Span<UInt8>) -> UInt64? {
    var reader = ByteReader(bytes)
    guard bytes.count == 8 + SHA256.digestBytes else { return nil }
    return reader.readUInt64()
  }

  /// Takes the proof: from now on the other side is who it said it is.
  ///
  /// - Parameter leastBoot: the greatest boot known of this peer; lesser ones are fenced.
  public consuming func finish(
    proof bytes: Span<UInt8>, leastBoot: UInt32
  ) throws(SessionError) -> Session {
    guard bytes.count == 8 + SHA256.digestBytes else { throw .malformed }
    guard Self.session(ofProof: bytes) == session else { throw .malformed }
    let wanted = transcript.initiatorProof
    guard ConstantTime.equal(wanted.span, bytes.extracting(8..<bytes.count)) else {
      throw .wrongSecret
    }
    // A node that only asked which cluster this is has no number, and no business behind that.
    guard peer.node != NodeID(0) else { throw .malformed }
    guard peer.boot >= leastBoot else { throw .olderBoot }
    return Session(id: session, cluster: cluster, peer: peer, key: transcript.sessionKey)
  }
}
