import Bytes
import Cluster
import Durability
import Store

// Machines start processes, and processes end.

extension World {
  /// The first one makes the cluster; every other asks one or two of those before it, or, where
  /// machines have names, all of them: whose only way to the others is a machine that an operator took
  /// away finds nobody. With `endpoint` it takes the place of another one.
  func addHost(at endpoint: Endpoint? = nil) {
    let number = hosts.count
    var seeds: [Endpoint] = []
    if profile.hasNames {
      seeds = hosts.map(\.name)
    } else if number > 0 {
      // One of them may move, and then nobody finds it under the address that a newcomer was given.
      let settled = min(number, max(1, profile.hosts - 1))
      seeds.append(hosts[random.index(below: settled)].endpoint)
      if random.once(in: 2) { seeds.append(hosts[random.index(below: settled)].endpoint) }
    }
    let drift =
      profile.driftMillionths == 0
      ? 0 : random.int(-profile.driftMillionths...profile.driftMillionths)
    let skew =
      profile.skewMilliseconds == 0
      ? 0 : random.int(-profile.skewMilliseconds...profile.skewMilliseconds)
    let host = Host(
      number: number, disk: SimulatedDisk(seed: random.next()),
      clock: HostClock(driftMillionths: Int64(drift), wallOffset: Int64(skew)),
      seeds: seeds, node: NodeID(random.next() | 1), salts: SimulatedSalts(seed: random.next()),
      syncDelay: UInt64(profile.syncMicroseconds) * Duration64.microsecond)
    if let endpoint { host.endpoint = endpoint }
    hosts.append(host)
    if number >= profile.hosts { placeNewcomer(host) }
    wallOffsetMax = max(wallOffsetMax, Int64(skew))
    let spread = number == 0 ? 0 : random.next(below: 1500 * Duration64.millisecond)
    events.add(.start(host: number), at: now + spread)
  }

  /// Reads the disk back and begins a life with the next boot. A disk that fails on the way leads
  /// to another try.
  func start(_ host: Host) {
    guard host.process == nil, !host.isRetired else { return }
    host.life += 1
    host.goodbyeAt = nil
    chooseLivingSeeds(host)
    if host.lastBoot == 0 {
      host.clusterAtJoin = hosts.filter { $0.hasBeenReady && !$0.isRetired }.map { $0.durable }
    }
    if profile.faults.has(.tornStep), !isHealing, random.once(in: 8) {
      host.disk.crash(at: host.disk.steps + random.int(1...12))
    }
    do throws(RecoveredStore.Failure) {
      let process = try makeProcess(host)
      host.process = process
      // A save that the disk stopped at may be there all the same.
      if process.own.boot > 1 { noteSaved(host, process) }
      trace.note(
        now, 4, host.number, UInt64(process.own.boot),
        "n\(host.number) starts, boot \(process.own.boot), log at \(process.replica.durableLSN)")
      checkRecovered(host, process)
      if process.isReady { host.hasBeenReady = true }
      pump(host, process)
      scheduleWake(host, process)
      scheduleCheckpoint(host)
    } catch {
      switch error {
      case .disk: end(host, power: host.disk.hasCrashed)
      case .refused(let text): fail(.recoveryAccepts, "n\(host.number): \(text)")
      }
    }
  }

  private func makeProcess(_ host: Host) throws(RecoveredStore.Failure) -> Process {
    let keyring = SimulatedKeyring.keyring
    let salts = host.salts
    let own: Incarnated
    let members: [UInt8]?
    let identity: NodeIdentity
    do {
      let first = SimulatedSalts.identity(
        cluster: Keyspace.cluster, node: host.node.rawValue)
      let opened = try NodeIdentity.open(host.disk, random: first)
      identity =
        mutant == .forgetBoot
        ? NodeIdentity(cluster: opened.cluster, node: opened.node, boot: 1) : opened
      own = Incarnated(node: NodeID(identity.node), boot: identity.boot)
      members = try AtomicFile.read(host.disk, Self.membersFile)
    } catch { throw .disk }
    host.lastBoot = max(host.lastBoot, identity.boot)
    let recovered = try RecoveredStore(
      disk: host.disk, mutant: mutant, checkpoint: &host.checkpoint, keyring: keyring,
      salts: salts.bytes)
    let log = LogWriter(
      disk: host.disk, keyring: keyring, identity: identity, recovered: recovered.report,
      options: logOptions, random: salts.bytes)
    let replica = SimulatedReplica(
      own: own, mutant: mutant, recovered: recovered, disk: host.disk, log: log)
    replica.wallMilliseconds = host.clock.wallMilliseconds(at: now)
    let node = Node(
      own: own, endpoint: host.endpoint, cluster: Keyspace.cluster, settings: settings,
      savedMembers: members, seeds: host.seeds, now: host.clock.monotonic(at: now))
    return Process(
      node: node, replica: replica, random: SeededRandom(seed: random.next()), own: own,
      beganAt: now)
  }

  static let membersFile = "members.bin"

  private var logOptions: LogOptions {
    var options = LogOptions(segmentBytes: profile.segmentBytes)
    options.segmentBytesMin = 4096
    options.entryBytesMax = 2000
    options.frameBodyBytesMax = 2400
    options.preparationBytes = 4096
    return options
  }

  /// The process is gone, and with it what it had not written; with `power` also what was not
  /// synced.
  func end(_ host: Host, power: Bool, restart: Bool = true) {
    if let process = host.process { breakFlights(of: process) }
    trace.note(now, 5, host.number, power ? 1 : 0, "n\(host.number) ends, power \(power)")
    host.life += 1
    host.process = nil
    host.isPaused = false
    host.backlog = []
    host.disk = power ? host.disk.afterCrash() : host.disk.afterKill()
    host.checkpoint.crash()
    disconnect(from: host)
    guard restart else { return }
    let delay =
      Duration64.millisecond * 50
      + random.exponential(mean: (random.once(in: 4) ? 20 : 3) * Duration64.second)
    // Once everything heals nobody takes long: the time for that is bounded.
    let longest = (isHealing ? 2 : 60) * Duration64.second
    events.add(.start(host: host.number), at: now + min(delay, longest))
  }

  func pause(_ host: Host, milliseconds: Int) {
    guard host.isUp, !host.isPaused else { return }
    trace.note(
      now, 7, host.number, UInt64(milliseconds),
      "n\(host.number) stands still for \(milliseconds) ms")
    host.isPaused = true
    events.add(
      .resume(host: host.number, life: host.life),
      at: now + UInt64(milliseconds) * Duration64.millisecond)
  }

  func resume(_ host: Host, _ life: Int) {
    guard host.life == life, host.isPaused else { return }
    trace.note(now, 8, host.number, 0, "n\(host.number) goes on")
    host.isPaused = false
    guard carryOutPostponed(host) else { return }
    let backlog = host.backlog
    host.backlog = []
    // A socket's buffer holds so many datagrams; what belongs to connections stays.
    var datagrams = 0
    for event in backlog {
      if case .packet = event {
        datagrams += 1
        if datagrams > 64 { continue }
      }
      events.add(event, at: now)
    }
  }
}
