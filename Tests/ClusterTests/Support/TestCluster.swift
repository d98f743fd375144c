import Bytes
import Store

@testable import Cluster

/// Some nodes of replication on virtual time, with a network that delays, loses and splits, disks
/// that take their time, and crashes. Membership is known to all at once.
final class TestCluster {
  final class Host {
    var replica: TestReplica
    var node: Replication
    var boot: UInt32 = 1
    var isUp = true
    var isMember = true
    var becameReadyAt: UInt64?
    /// When what was appended by now is committed.
    var commitAt: [(at: UInt64, position: UInt64)] = []
    var acknowledged: [(by: NodeID, resumedAfter: UInt64, through: UInt64)] = []
    var superseded: [UInt64] = []
    var logLines: [String] = []

    init(replica: consuming TestReplica, node: Replication) {
      self.replica = replica
      self.node = node
    }
  }

  enum Happening {
    case request(RequestID, from: Int, boot: UInt32, to: Int, bytes: [UInt8])
    case response(RequestID, from: Int, fromBoot: UInt32, to: Int, boot: UInt32, bytes: [UInt8])
    case failed(RequestID, to: Int, boot: UInt32)
  }

  private(set) var hosts: [Host] = []
  private var queue: [(at: UInt64, number: UInt64, Happening)] = []
  private var number: UInt64 = 0
  private(set) var milliseconds: UInt64 = 1_000
  var random: SeededRandom
  let settings: ClusterSettings
  /// Messages of a hundred that are lost.
  var lossPercent: UInt64 = 0
  var delayMax: UInt64 = 20
  var commitMax: UInt64 = 30
  /// Pairs that cannot reach each other.
  var cut: Set<Int> = []
  /// Requests by number: who asked, in which boot. Incoming numbers are the host's own.
  private var asked:
    [RequestID: (from: Int, boot: UInt32, id: RequestID, to: Int, toBoot: UInt32)] =
      [:]
  private var incoming: UInt64 = 1 << 32

  init(_ count: Int, seed: UInt64, settings: ClusterSettings = .small, members: Int? = nil) {
    random = SeededRandom(seed: seed)
    self.settings = settings
    for index in 0..<count { add(isReady: true, isMember: index < members ?? count) }
    updateAll()
  }

  static func id(_ index: Int) -> NodeID { NodeID(UInt64(index) + 1) }
  var now: Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  func add(isReady: Bool, isMember: Bool = true) {
    let own = Incarnated(node: Self.id(hosts.count), boot: 1)
    let host = Host(
      replica: TestReplica(own: own),
      node: Replication(own: own, settings: settings, isReady: isReady, now: now))
    host.isMember = isMember
    hosts.append(host)
  }

  /// A node joins through another one.
  func join(through source: Int) {
    add(isReady: false)
    joinSource = source
    updateAll()
  }

  private var joinSource = 0

  func updateAll() {
    for index in hosts.indices where hosts[index].isMember {
      var neighbours: [Neighbour] = []
      for (other, host) in hosts.enumerated() where other != index && host.isMember {
        neighbours.append(
          Neighbour(
            id: Self.id(other), boot: host.boot, endpoint: Endpoint(host: [], port: 1),
            isReachable: host.isUp && !isCut(index, other)))
      }
      hosts[index].node.update(
        neighbours, memberDigest: UInt64(neighbours.count), source: Self.id(joinSource))
    }
  }

  private func pair(_ left: Int, _ right: Int) -> Int { min(left, right) * 64 + max(left, right) }
  func isCut(_ left: Int, _ right: Int) -> Bool { cut.contains(pair(left, right)) }
  func split(_ left: Int, _ right: Int) {
    cut.insert(pair(left, right))
    updateAll()
  }
  func healAll() {
    cut = []
    updateAll()
  }

  // MARK: Time

  func run(milliseconds duration: UInt64) {
    let end = milliseconds + duration
    while milliseconds < end {
      milliseconds += 1
      turn()
    }
  }

  /// Runs until `condition` holds, at most `limit` milliseconds. False where it never did.
  func run(atMost limit: UInt64, until condition: () -> Bool) -> Bool {
    let end = milliseconds + limit
    while milliseconds < end {
      if condition() { return true }
      run(milliseconds: 50)
    }
    return condition()
  }

  private func turn() {
    for host in hosts { host.replica.wallMilliseconds += 1 }
    var due: [(at: UInt64, number: UInt64, Happening)] = []
    queue.removeAll { item in
      if item.at <= milliseconds { due.append(item) }
      return item.at <= milliseconds
    }
    for item in due.sorted(by: { ($0.at, $0.number) < ($1.at, $1.number) }) { happen(item.2) }
    for index in hosts.indices where hosts[index].isUp && hosts[index].isMember {
      commit(index)
      if hosts[index].node.nextDeadline <= now { advance(index) }
    }
  }

  private func commit(_ index: Int) {
    let host = hosts[index]
    if host.replica.appended > host.commitAt.last?.position ?? host.replica.committed {
      host.commitAt.append(
        (milliseconds + 1 + random.next(below: commitMax), host.replica.appended))
    }
    var hasNews = false
    while let first = host.commitAt.first, first.at <= milliseconds {
      host.replica.commit(through: first.position)
      host.commitAt.removeFirst()
      hasNews = true
    }
    guard hasNews else { return }
    let (entries, positions) = host.replica.takeCommitted()
    host.node.committed(entries, positions: positions)
    advance(index)
  }

  private func advance(_ index: Int) {
    var effects: [Effect] = []
    hosts[index].node.advance(
      now: now, replica: &hosts[index].replica, random: &random, effects: &effects)
    carryOut(effects, of: index)
  }

  private func carryOut(_ effects: [Effect], of index: Int) {
    let host = hosts[index]
    for effect in effects {
      switch effect {
      case .request(let id, _, let expected, _, let bytes, let timeout):
        let to = Int((expected?.rawValue ?? 1) - 1)
        post(
          after: timeout, .failed(id, to: index, boot: host.boot))
        if random.next(below: 100) >= lossPercent {
          post(
            after: 1 + random.next(below: delayMax),
            .request(id, from: index, boot: host.boot, to: to, bytes: bytes))
        }
      case .respond(let id, let bytes):
        guard let question = asked.removeValue(forKey: id), question.to == index,
          random.next(below: 100) >= lossPercent
        else { continue }
        post(
          after: 1 + random.next(below: delayMax),
          .response(
            question.id, from: index, fromBoot: host.boot, to: question.from,
            boot: question.boot, bytes: bytes))
      case .acknowledged(let by, let resumedAfter, let through):
        host.acknowledged.append((by, resumedAfter, through))
      case .superseded(let position): host.superseded.append(position)
      case .becameReady: host.becameReadyAt = milliseconds
      case .log(_, let line): host.logLines.append(line)
      default: break
      }
    }
  }

  private func post(after delay: UInt64, _ happening: Happening) {
    number += 1
    queue.append((milliseconds + delay, number, happening))
  }

  private func happen(_ happening: Happening) {
    var effects: [Effect] = []
    switch happening {
    case .request(let id, let from, let boot, let to, let bytes):
      guard hosts[to].isUp, hosts[to].isMember, !isCut(from, to), hosts[from].boot == boot else {
        return
      }
      incoming += 1
      let own = RequestID(incoming)
      asked[own] = (from, boot, id, to, hosts[to].boot)
      hosts[to].node.request(
        own, bytes, from: Incarnated(node: Self.id(from), boot: boot), now: now,
        replica: &hosts[to].replica, effects: &effects)
      carryOut(effects, of: to)
      advance(to)
    case .response(let id, let from, let fromBoot, let to, let boot, let bytes):
      guard hosts[to].isUp, hosts[to].boot == boot, !isCut(from, to) else { return }
      hosts[to].node.response(
        id, bytes, from: Incarnated(node: Self.id(from), boot: fromBoot), now: now,
        replica: &hosts[to].replica, effects: &effects)
      carryOut(effects, of: to)
      advance(to)
    case .failed(let id, let to, let boot):
      // Ids are never used twice: where an answer came, nobody knows the number any more.
      guard hosts[to].isUp, hosts[to].boot == boot else { return }
      hosts[to].node.failed(id, now: now)
      advance(to)
    }
  }

  // MARK: Faults

  func crash(_ index: Int) {
    hosts[index].isUp = false
    hosts[index].commitAt = []
    updateAll()
  }

  /// The node comes back with what was durable, a new boot, and perhaps another wall clock.
  func restart(_ index: Int, wallMilliseconds: UInt64? = nil) {
    let host = hosts[index]
    host.boot += 1
    let own = Incarnated(node: Self.id(index), boot: host.boot)
    let wall = wallMilliseconds ?? host.replica.wallMilliseconds
    host.replica = TestReplica(
      recovering: host.replica.log, committed: host.replica.committed, own: own,
      resetsClock: settings.mutant == .resetClockAtRestart)
    host.replica.wallMilliseconds = wall
    host.node = Replication(
      own: own, settings: settings, isReady: host.node.isReady, now: now)
    host.isUp = true
    updateAll()
  }

  // MARK: What is checked

  var haveConverged: Bool {
    let members = hosts.filter(\.isMember)
    return members.allSatisfy { $0.replica.live == members[0].replica.live }
  }

  var tombstones: Int { hosts.reduce(0) { $0 + $1.replica.tombstones } }
}

extension ClusterSettings {
  /// Small limits, which are met more often.
  static var small: ClusterSettings {
    var settings = ClusterSettings()
    settings.pushEntriesMax = 4
    settings.pushBytesMax = 4 * TestWrite.entryBytes
    settings.queueEntriesMax = 12
    settings.queueBytesMax = 12 * TestWrite.entryBytes
    settings.pushTimeoutMilliseconds = 300
    settings.advertMilliseconds = 100
    settings.idleAdvertMilliseconds = 300
    settings.advertTimeoutMilliseconds = 300
    settings.retryMilliseconds = 20
    settings.retryMillisecondsMax = 200
    settings.pullsMax = 2
    settings.pullShardsMax = 3
    settings.pullBytesMax = TestWrite.entryBytes
    settings.pullTimeoutMilliseconds = 300
    settings.collectMilliseconds = 200
    settings.verifyMilliseconds = 200
    settings.verifyShardsMax = Shard.count
    return settings
  }
}
