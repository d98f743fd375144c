import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: sessions")
struct SessionTests {
  private static let secret = ClusterSecret(Array("a secret of sixteen".utf8))
  private static let alice = Incarnated(node: NodeID(0x0102), boot: 3)
  private static let bob = Incarnated(node: NodeID(0x0304), boot: 1)
  private static let aliceNonce = Array(UInt8(0)..<32)
  private static let bobNonce = Array(UInt8(32)..<64)

  private func initiator(
    _ secrets: [ClusterSecret] = [secret], cluster: UInt64? = 7, own: Incarnated = alice,
    expected: NodeID? = bob.node
  ) -> SessionInitiator {
    SessionInitiator(
      secrets: secrets, cluster: cluster, own: own, expected: expected, nonce: Self.aliceNonce)
  }

  private func accept(
    _ hello: [UInt8], _ secrets: [ClusterSecret] = [secret], cluster: UInt64 = 7,
    own: Incarnated = bob, nonce: [UInt8] = bobNonce
  ) throws(SessionError) -> SessionAcceptor {
    try SessionAcceptor.accept(
      hello: hello.span, secrets: secrets, cluster: cluster, own: own, nonce: nonce,
      session: 0x55)
  }

  private func receive(
    _ answer: [UInt8], _ initiator: inout SessionInitiator
  ) throws(SessionError) -> SessionGreeting {
    try initiator.receive(answer.span)
  }

  private func finish(
    _ proof: [UInt8], _ acceptor: SessionAcceptor, leastBoot: UInt32 = 0
  ) throws(SessionError) -> Session {
    try acceptor.finish(proof: proof.span, leastBoot: leastBoot)
  }

  /// Two ends of one session, in an object because they cannot be copied.
  private final class Pair {
    var asking: Session
    var answering: Session

    init(_ asking: consuming Session, _ answering: consuming Session) {
      self.asking = asking
      self.answering = answering
    }

    func request(_ text: String, _ channel: Channel = .control) -> (UInt64, [UInt8]) {
      let plain = Array(text.utf8)
      var frame = ByteBuffer()
      let counter = asking.sealRequest(plain.span, channel: channel, into: &frame)
      return (counter, frame.copied())
    }

    func open(
      _ frame: [UInt8], _ counter: UInt64, _ channel: Channel = .control
    ) throws(SessionError) -> String {
      var plain = ByteBuffer()
      try answering.openRequest(frame.span, counter: counter, channel: channel, into: &plain)
      return String(decoding: plain.copied(), as: UTF8.self)
    }

    func respond(_ text: String, _ counter: UInt64) -> [UInt8] {
      let plain = Array(text.utf8)
      var frame = ByteBuffer()
      answering.sealResponse(plain.span, counter: counter, channel: .control, into: &frame)
      return frame.copied()
    }

    func openResponse(_ frame: [UInt8], _ counter: UInt64) throws(SessionError) -> String {
      var plain = ByteBuffer()
      try asking.openResponse(frame.span, counter: counter, channel: .control, into: &plain)
      return String(decoding: plain.copied(), as: UTF8.self)
    }
  }

  private func pair() throws -> Pair {
    var initiator = initiator()
    let acceptor = try accept(initiator.hello)
    _ = try receive(acceptor.answer, &initiator)
    let answering = try finish(initiator.proof, acceptor)
    return Pair(initiator.established(), answering)
  }

  @Test("two nodes with the secret know each other afterwards")
  func handshake() throws {
    var initiator = initiator()
    let acceptor = try accept(initiator.hello)
    #expect(acceptor.peer == Self.alice)
    let greeting = try receive(acceptor.answer, &initiator)
    #expect(greeting == SessionGreeting(cluster: 7, peer: Self.bob, session: 0x55))
    let proof = initiator.proof
    #expect(SessionAcceptor.session(ofProof: proof.span) == 0x55)
    let session = try finish(proof, acceptor)
    #expect(session.peer == Self.alice && session.id == 0x55 && session.cluster == 7)
    let secret = Array("a secret of sixteen".utf8)
    for bytes in [initiator.hello, acceptor.answer, proof] {
      #expect(!hexadecimal(bytes).contains(hexadecimal(secret)))
    }
  }

  @Test("the handshake has these bytes")
  func golden() throws {
    // Computed by a second implementation of docs/formats/wire.md, in Python.
    var initiator = initiator()
    #expect(hexadecimal(initiator.hello) == Self.goldenHello)
    let acceptor = try accept(initiator.hello)
    #expect(hexadecimal(acceptor.answer) == Self.goldenAnswer)
    _ = try receive(acceptor.answer, &initiator)
    #expect(hexadecimal(initiator.proof) == Self.goldenProof)
    let pair = Pair(initiator.established(), try finish(initiator.proof, acceptor))
    let (counter, frame) = pair.request("hello")
    #expect(counter == 1 && hexadecimal(frame) == Self.goldenRequest)
    #expect(try pair.open(frame, counter) == "hello")
    #expect(hexadecimal(pair.respond("bye", counter)) == Self.goldenResponse)
  }

  private static let goldenHello =
    "53010107000000000000000201000000000000030000000403000000000000000102030405060708090a0b0c"
    + "0d0e0f101112131415161718191a1b1c1d1e1f016dabb371"
  private static let goldenAnswer =
    "5301070000000000000004030000000000000100000055000000000000006dabb37120212223242526272829"
    + "2a2b2c2d2e2f303132333435363738393a3b3c3d3e3f869b4208c983dd1b988e84421a4a1e4dc6eb5218b9de"
    + "6225879349106d082c22"
  private static let goldenProof =
    "55000000000000009581e86b161986342692d77084588635cf6a2c0fd744b77334ab2189b2cc1c06"
  private static let goldenRequest =
    "82d8f26f1e2c6aae21dc1b1943168ba61f2b6cfbca"
  private static let goldenResponse =
    "8d0001d24a27bf238acf8dbac1b6425a7987cc"

  @Test("a node that knows no cluster yet learns which one answers")
  func askingForTheCluster() throws {
    var initiator = initiator(
      cluster: nil, own: Incarnated(node: NodeID(0), boot: 0), expected: nil)
    let acceptor = try accept(initiator.hello)
    #expect(try receive(acceptor.answer, &initiator).cluster == 7)
    let proof = initiator.proof
    #expect(throws: SessionError.malformed) { _ = try self.finish(proof, acceptor) }
  }

  @Test("a wrong secret is found out by both sides")
  func wrongSecret() throws {
    let other = ClusterSecret(Array("another secret, longer".utf8))
    let stranger = initiator([other])
    #expect(throws: SessionError.wrongSecret) { _ = try self.accept(stranger.hello) }
    // One that claims to have the secret, and has not.
    var hello = SessionHello.decode(initiator().hello.span)!
    hello.secretIDs = [Self.secret.id]
    let acceptor = try accept(hello.encoded())
    let forged = [0x55, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 32)
    #expect(throws: SessionError.wrongSecret) { _ = try self.finish(forged, acceptor) }
    var honest = initiator()
    var answer = try accept(honest.hello).answer
    answer[answer.count - 1] ^= 1
    #expect(throws: SessionError.wrongSecret) { _ = try self.receive(answer, &honest) }
  }

  @Test("while secrets change, one in common is enough")
  func rotation() throws {
    let fresh = ClusterSecret(Array("the fresh secret, long".utf8))
    var initiator = initiator([fresh, Self.secret])
    let acceptor = try accept(initiator.hello, [Self.secret])
    _ = try receive(acceptor.answer, &initiator)
    _ = try finish(initiator.proof, acceptor)
  }

  @Test("another cluster, another node, another version are refused")
  func others() throws {
    let hello = initiator().hello
    #expect(throws: SessionError.otherCluster) { _ = try self.accept(hello, cluster: 8) }
    #expect(throws: SessionError.otherNode(NodeID(9))) {
      _ = try self.accept(hello, own: Incarnated(node: NodeID(9), boot: 1))
    }
    var later = SessionHello.decode(hello.span)!
    later.least = 2
    later.greatest = 3
    let encoded = later.encoded()
    #expect(throws: SessionError.otherProtocol(least: 1, greatest: 1)) {
      _ = try self.accept(encoded)
    }
    // One that answers for another cluster than was asked for.
    var initiator = initiator()
    var asksAny = SessionHello.decode(hello.span)!
    asksAny.cluster = 0
    asksAny.expected = NodeID(0)
    let elsewhere = try accept(asksAny.encoded(), cluster: 8)
    #expect(throws: SessionError.otherCluster) {
      _ = try self.receive(elsewhere.answer, &initiator)
    }
  }

  @Test("an older boot than is known is refused")
  func olderBoot() throws {
    var initiator = initiator()
    let acceptor = try accept(initiator.hello)
    _ = try receive(acceptor.answer, &initiator)
    let proof = initiator.proof
    #expect(throws: SessionError.olderBoot) {
      _ = try self.finish(proof, acceptor, leastBoot: 4)
    }
    _ = try finish(proof, acceptor, leastBoot: 3)
  }

  @Test("a proof recorded from one session is of no use in another")
  func replayedProof() throws {
    var initiator = initiator()
    let acceptor = try accept(initiator.hello)
    _ = try receive(acceptor.answer, &initiator)
    let proof = initiator.proof
    let second = try accept(initiator.hello, nonce: Array(UInt8(64)..<96))
    #expect(throws: SessionError.wrongSecret) { _ = try self.finish(proof, second) }
  }

  @Test("a hello or answer that is cut short, longer or changed never makes a session")
  func changedHandshake() throws {
    let hello = initiator().hello
    for count in 0..<hello.count {
      let cut = Array(hello.prefix(count))
      #expect(throws: SessionError.malformed) { _ = try self.accept(cut) }
    }
    #expect(throws: SessionError.malformed) { _ = try self.accept(hello + [0]) }
    let answer = try accept(hello).answer
    for bit in 0..<answer.count * 8 {
      var changed = answer
      changed[bit / 8] ^= 1 << (bit % 8)
      var initiator = initiator()
      #expect(throws: SessionError.self) { _ = try self.receive(changed, &initiator) }
    }
    // A hello changed on the way: the dialling side sees it by the proof of the answer.
    for bit in 0..<hello.count * 8 {
      var changed = hello
      changed[bit / 8] ^= 1 << (bit % 8)
      guard let acceptor = try? accept(changed) else { continue }
      var initiator = initiator()
      #expect(throws: SessionError.self) { _ = try self.receive(acceptor.answer, &initiator) }
    }
  }

  @Test("requests and answers pass, in their order")
  func frames() throws {
    let pair = try pair()
    for number in 1...3 {
      let (counter, frame) = pair.request("question \(number)")
      #expect(frame.count == 10 + Session.overheadBytes)
      #expect(try pair.open(frame, counter) == "question \(number)")
      let answer = pair.respond("answer \(number)", counter)
      #expect(try pair.openResponse(answer, counter) == "answer \(number)")
      #expect(throws: SessionError.replayed) { _ = try pair.openResponse(answer, counter) }
    }
  }

  @Test("a frame that is sent again, or later than a following one, is refused")
  func replayedFrame() throws {
    let pair = try pair()
    let (first, early) = pair.request("one")
    let (second, late) = pair.request("two")
    #expect(try pair.open(late, second) == "two")
    #expect(throws: SessionError.replayed) { _ = try pair.open(late, second) }
    #expect(throws: SessionError.replayed) { _ = try pair.open(early, first) }
    #expect(throws: SessionError.unauthentic) { _ = try pair.open(early, 3) }
    let (third, next) = pair.request("three")
    #expect(try pair.open(next, third) == "three", "what was refused changed nothing")
  }

  @Test("a changed or shortened frame, or one of another channel or session, is refused")
  func changedFrame() throws {
    let pair = try pair()
    let (counter, frame) = pair.request("one")
    for bit in 0..<frame.count * 8 {
      var changed = frame
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: SessionError.unauthentic) { _ = try pair.open(changed, counter) }
    }
    for count in 0..<frame.count {
      let cut = Array(frame.prefix(count))
      #expect(throws: SessionError.unauthentic) { _ = try pair.open(cut, counter) }
    }
    #expect(throws: SessionError.unauthentic) { _ = try pair.open(frame, counter, .data) }
    #expect(try pair.open(frame, counter) == "one")
    // An answer is no request, and a request no answer.
    let answer = pair.respond("two", counter)
    #expect(throws: SessionError.unauthentic) { _ = try pair.open(answer, counter + 1) }
    #expect(throws: SessionError.unauthentic) { _ = try pair.openResponse(frame, counter) }
    #expect(try pair.openResponse(answer, counter) == "two")
  }

  @Test("every refusal says on the other side what it was")
  func refusals() {
    let all: [SessionError] = [
      .malformed, .otherProtocol(least: 2, greatest: 3), .otherCluster, .wrongSecret,
      .otherNode(NodeID(0)), .olderBoot, .replayed, .unauthentic,
    ]
    for error in all {
      let bytes = error.refusal
      #expect(SessionError(refusal: bytes.span) == error)
    }
    for bytes in [[], [0, 0, 0], [9, 0, 0], [1, 0], [1, 0, 0, 0]] as [[UInt8]] {
      #expect(SessionError(refusal: bytes.span) == nil)
    }
  }

  @Test("the mark of a request is sixteen digits, a point and a counter")
  func mark() {
    var buffer = ByteBuffer()
    SessionMark(session: 0x55, counter: 12).append(to: &buffer)
    #expect(String(decoding: buffer.copied(), as: UTF8.self) == "0000000000000055.12")
    #expect(parsed("0000000000000055.12") == SessionMark(session: 0x55, counter: 12))
    #expect(parsed("ffffffffffffffff.18446744073709551615")?.counter == .max)
    for text in [
      "", "55.12", "0000000000000055", "0000000000000055.", "0000000000000055.0",
      "0000000000000055.01", "0000000000000055.-1", "000000000000005g.1", "0000000000000055.1 ",
      "0000000000000055.18446744073709551616", "0000000000000055.99999999999999999999",
      "0000000000000055.184467440737095516150", "+000000000000055.1",
    ] {
      #expect(parsed(text) == nil, "\(text)")
    }
  }

  private func parsed(_ text: String) -> SessionMark? {
    let bytes = Array(text.utf8)
    return SessionMark(parsing: bytes.span)
  }
}
