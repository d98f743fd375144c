import Bytes
import Crypto

/// Who answered a hello, as it has proved.
public struct SessionGreeting: Equatable, Sendable {
  public let cluster: UInt64
  public let peer: Incarnated
  public let session: UInt64
}

/// The side that opens the connection: `hello`, then `receive` the answer, then `proof`, then the session.
public struct SessionInitiator: Sendable {
  private let secrets: [ClusterSecret]
  private let cluster: UInt64?
  private let expected: NodeID?
  /// The body of the first request.
  public let hello: [UInt8]

  private var greeting: SessionGreeting?
  private var transcript: SessionTranscript?

  /// - Parameters:
  ///   - cluster: nil where the node is yet to learn which cluster it joins.
  ///   - own: of a node that has no number yet, 0 and 0.
  ///   - expected: who must answer; nil: anybody who knows the secret.
  ///   - nonce: 32 bytes that nobody can guess, new for each connection.
  public init(
    secrets: [ClusterSecret], cluster: UInt64?, own: Incarnated, expected: NodeID?, nonce: [UInt8]
  ) {
    precondition(nonce.count == SessionHello.nonceBytes, "the nonce of a session has 32 bytes")
    precondition(
      !secrets.isEmpty && secrets.count <= ClusterSecret.secretsMax, "one to four secrets")
    self.secrets = secrets
    self.cluster = cluster
    self.expected = expected
    hello = SessionHello(
      cluster: cluster ?? 0, from: own, expected: expected ?? NodeID(0), nonce: nonce,
      secretIDs: secrets.map(\.id)
    ).encoded()
  }

  /// Takes the answer to `hello`, and believes it only with its proof.
  public mutating func receive(
    _ bytes: Span<UInt8>
  ) throws(SessionError) -> SessionGreeting {
    guard let (answer, proof) = SessionAnswer.decode(bytes) else { throw .malformed }
    if let cluster, answer.cluster != cluster { throw .otherCluster }
    guard let secret = secrets.first(where: { $0.id == answer.secretID }) else {
      throw .wrongSecret
    }
    let transcript = SessionTranscript(
      secret: secret, cluster: answer.cluster, hello: hello, answer: answer.encoded())
    let wanted = transcript.acceptorProof
    guard ConstantTime.equal(wanted.span, proof.span) else { throw .wrongSecret }
    if let expected, answer.from.node != expected { throw .otherNode(answer.from.node) }
    let greeting = SessionGreeting(
      cluster: answer.cluster, peer: answer.from, session: answer.session)
    self.greeting = greeting
    self.transcript = transcript
    return greeting
  }

  /// The body of the second request, once the answer was received.
  public var proof: [UInt8] {
    guard let transcript, let greeting else { preconditionFailure("proof before the answer") }
    var buffer = ByteBuffer(capacity: 40)
    buffer.appendUInt64(greeting.session)
    buffer.append(transcript.initiatorProof)
    return buffer.copied()
  }

  /// The session, once the other side has accepted the proof.
  public consuming func established() -> Session {
    guard let transcript, let greeting else { preconditionFailure("session before the answer") }
    return Session(
      id: greeting.session, cluster: greeting.cluster, peer: greeting.peer,
      key: transcript.sessionKey)
  }
}
