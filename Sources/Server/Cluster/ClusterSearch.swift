// A node that is to join and has no data yet asks the seeds which cluster they are.

import Bytes
import Cluster
import Crypto
import HTTP
import Platform

/// Asks until a seed proves that it knows the secret, and says which cluster it belongs to. The
/// search never ends by itself: a node that was told to join forms no cluster of its own.
struct ClusterSearch: ~Copyable {
  let seeds: [Endpoint]
  let secrets: [ClusterSecret]
  let door: TLSDoor?
  let stop: StopRequest
  let logger: Logger
  private let poller: Poller
  private var random = SeededRandom(seed: SecureRandom.uint64())
  private var toldAt: Instant?

  private static let answerMilliseconds: UInt64 = 3_000
  private static let pauseMilliseconds: UInt64 = 1_000
  private static let jitterMilliseconds: UInt64 = 4_000
  private static let tellSeconds: UInt64 = 60

  /// Why a seed gave no answer that counts.
  private struct Failure: Error {
    let reason: String
  }

  init(
    seeds: [Endpoint], secrets: [ClusterSecret], door: TLSDoor?, stop: StopRequest, logger: Logger
  ) throws(SystemError) {
    self.door = door
    self.seeds = seeds
    self.secrets = secrets
    self.stop = stop
    self.logger = logger
    poller = try Poller()
  }

  /// The number of the seeds' cluster; nil where the node is told to stop.
  mutating func run() -> UInt64? {
    var attempts: UInt64 = 0
    while !stop.isRequested {
      var reasons: [String] = []
      for seed in seeds {
        do throws(Failure) {
          let cluster = try ask(seed)
          logger.info("found the cluster", LogField("seed", seed.text))
          return cluster
        } catch {
          reasons.append("\(seed.text) \(error.reason)")
        }
        if stop.isRequested { return nil }
      }
      tell(reasons)
      attempts += 1
      let jitter = min(Self.jitterMilliseconds, attempts * 500)
      _ = stop.wait(milliseconds: Self.pauseMilliseconds + random.next(below: jitter))
    }
    return nil
  }

  private mutating func tell(_ reasons: [String]) {
    let now = SystemClock.monotonic()
    if let toldAt, now < toldAt.advanced(bySeconds: Self.tellSeconds) { return }
    toldAt = now
    logger.warn(
      "no member of the cluster lets this node in, it goes on asking",
      LogField("reason", reasons.joined(separator: "; ")))
  }

  // MARK: Asking one seed

  private func ask(_ seed: Endpoint) throws(Failure) -> UInt64 {
    let addresses: [InternetAddress]
    do throws(SocketError) {
      addresses = try InternetAddress.resolve(seed.hostText)
    } catch {
      throw Failure(reason: "\(error)")
    }
    var last = Failure(reason: "has no address")
    for address in addresses where !stop.isRequested {
      do throws(Failure) {
        return try greet(seed, at: address)
      } catch {
        last = error
      }
    }
    throw last
  }

  private func greet(_ seed: Endpoint, at address: InternetAddress) throws(Failure) -> UInt64 {
    var initiator = SessionInitiator(
      secrets: secrets, cluster: nil, own: Incarnated(node: NodeID(0), boot: 0), expected: nil,
      nonce: SecureRandom.bytes(32))
    let hello = initiator.hello
    let answer = try exchange(hello.span, with: seed, at: address)
    guard answer.status == 200 else {
      let reason =
        switch answer.status {
        case 400: "does not understand this node (status 400): is one of the two in https mode?"
        case 401: "refuses this node: \(PeerLinks.text(ofRefusal: answer.body))"
        default: "answered the greeting with status \(answer.status)"
        }
      throw Failure(reason: reason)
    }
    do throws(SessionError) {
      let body = answer.body
      return try initiator.receive(body.span).cluster
    } catch {
      throw Failure(reason: "is not trusted: \(error)")
    }
  }

  private func exchange(
    _ hello: Span<UInt8>, with seed: Endpoint, at address: InternetAddress
  ) throws(Failure) -> HTTPAnswer {
    let start = SystemClock.monotonic()
    var connection = try connect(to: seed, at: address, now: start)
    let nothing: StaticString = ""
    connection.send(
      .post, ("/internal/v1/hello" as StaticString).bytes, fields: nothing.bytes, body: hello,
      tag: 0, deadline: start.advanced(byMilliseconds: Self.answerMilliseconds))
    connection.flush(now: start)
    while true {
      if let outcome = connection.nextOutcome() {
        switch outcome {
        case .response(_, let answer): return answer
        case .failed(_, let failure, _): throw Failure(reason: "\(failure)")
        }
      }
      if stop.isRequested { throw Failure(reason: "was not waited for: the node stops") }
      let count = poller.wait(timeoutMilliseconds: 50)
      let now = SystemClock.monotonic()
      for index in 0..<count { connection.happened(poller[index].events, now: now) }
      connection.expire(now: now)
    }
  }

  private func connect(
    to seed: Endpoint, at address: InternetAddress, now: Instant
  ) throws(Failure) -> HTTPClientConnection {
    do {
      let connection = try HTTPClientConnection(
        to: address, port: seed.port, host: seed.hostText, tls: door?.peerContext,
        limits: HTTPClientLimits(), now: now)
      try poller.add(
        connection.descriptor, token: 0, events: HTTPClientConnection.pollEvents)
      return connection
    } catch {
      throw Failure(reason: "cannot be reached: \(error)")
    }
  }
}
