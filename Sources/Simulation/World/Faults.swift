import Bytes
import Cluster

// What goes wrong, and how it is mended.

extension World {
  /// One fault of those that this world has, and the time of the next.
  func strike() {
    guard !isHealing else { return }
    let kinds = Fault.momentary.filter(profile.faults.has)
    guard !kinds.isEmpty else { return }
    let mean = UInt64(profile.faultMilliseconds) * Duration64.millisecond
    events.add(.fault, at: now + random.exponential(mean: mean))
    let fault = kinds[random.index(below: kinds.count)]
    let host = hosts[random.index(below: hosts.count)]
    trace.note(now, 30, host.number, UInt64(fault.rawValue), "fault \(fault) (n\(host.number))")
    strike(fault, host)
  }

  private func strike(_ fault: Fault, _ host: Host) {
    switch fault {
    case .crash: if host.isUp { end(host, power: true) }
    case .kill: if host.isUp { end(host, power: false) }
    case .pause: pause(host, milliseconds: 1000 * random.int(1...profile.pauseSecondsMax))
    case .leave: leave(host)
    case .move: move()
    case .moveAll: moveAll()
    case .join:
      guard joined < profile.joins else { break }
      joined += 1
      addHost()
    case .die: die(host)
    case .remove: removeLiving(host)
    case .isolate: cut(others(of: host).flatMap { [(host.number, $0), ($0, host.number)] })
    case .split: cut(between: { $0 }, bridge: nil)
    case .bridge: cut(between: { $0 }, bridge: host.number)
    case .oneWay:
      let targets = others(of: host)
      if random.once(in: 2), let target = targets.first {
        cut([(host.number, target)])
      } else {
        cut(targets.map { (host.number, $0) })
      }
    case .clog:
      forPair(host) { from, to in
        let delay = Duration64.millisecond * UInt64(random.int(50...4000))
        network.clog(from: from, to: to, delay: delay)
        mendLater(.clog(from: from, to: to))
      }
    case .datagrams:
      forPair(host) { from, to in
        network.block(from: from, to: to)
        mendLater(.datagrams(from: from, to: to))
      }
    case .failedSync: host.disk.failSync(number: host.disk.syncs + random.int(1...5))
    case .tornStep: host.disk.crash(at: host.disk.steps + random.int(1...30))
    case .fullDisk:
      host.disk.setCapacity(host.disk.usedBytes + random.int(0...4) * 4096)
      mendLater(.diskFull(host: host.number))
    case .slowDisk:
      host.syncDelay = Duration64.millisecond * UInt64(random.int(100...2000))
      mendLater(.slowDisk(host: host.number))
    case .jump: jump(host)
    case .loss, .duplication, .reset, .skew, .drift: break
    }
  }

  private func others(of host: Host) -> [Int] {
    hosts.indices.filter { $0 != host.number }
  }

  private func mendLater(_ mend: Mend) {
    events.add(
      .mend(mend),
      at: now + Duration64.second / 2
        + random.exponential(mean: UInt64(profile.mendSeconds) * Duration64.second)
    )
  }

  private func cut(_ links: [(from: Int, to: Int)]) {
    guard !links.isEmpty else { return }
    mendLater(.partition(network.cut(links)))
  }

  /// Cuts the hosts into two halves at random; `bridge` still reaches both.
  private func cut(between _: (Int) -> Int, bridge: Int?) {
    let side = hosts.map { _ in random.once(in: 2) }
    var links: [(Int, Int)] = []
    for from in hosts.indices {
      for to in hosts.indices where side[from] != side[to] && from != bridge && to != bridge {
        links.append((from, to))
      }
    }
    cut(links)
  }

  private func forPair(_ host: Host, _ body: (Int, Int) -> Void) {
    guard hosts.count > 1 else { return }
    let targets = others(of: host)
    body(host.number, targets[random.index(below: targets.count)])
  }

  private func leave(_ host: Host) {
    guard let process = host.process, !host.isPaused, !process.isLeaving else { return }
    process.isLeaving = true
    if isCalm, process.node.isReady { host.goodbyeAt = now }
    step(host, process, .leave)
    guard host.process === process else { return }
    let delay = Duration64.millisecond * UInt64(random.int(10...2000))
    events.add(.gone(host: host.number, life: host.life), at: now + delay)
  }

  /// Only one machine of a world ever changes its address: two that did so at once would look for
  /// each other in vain, as real ones would.
  private func move() {
    guard profile.hosts > 1 else { return }
    let host = hosts[profile.hosts - 1]
    guard !host.isRetired else { return }
    end(host, power: random.once(in: 2))
    host.endpoint = Host.endpoint(host.number, address: random.int(1...200))
  }

  /// Where names lead to machines that does no harm. Half of the time the addresses are those of
  /// before, dealt out anew.
  private func moveAll() {
    let moving = hosts.filter { !$0.isRetired }
    var endpoints = moving.map(\.endpoint)
    if random.once(in: 2) {
      endpoints = moving.map { Host.endpoint($0.number, address: random.int(1...200)) }
    } else {
      for place in endpoints.indices {
        endpoints.swapAt(place, random.int(place...(endpoints.count - 1)))
      }
    }
    for (host, endpoint) in zip(moving, endpoints) {
      if host.isUp { end(host, power: random.once(in: 2)) }
      host.endpoint = endpoint
    }
  }

  private func jump(_ host: Host) {
    let reach = [100, 2000, 60_000, 600_000][random.index(below: 4)]
    host.clock.wallOffset += Int64(random.int(-reach...reach))
    wallOffsetMax = max(wallOffsetMax, host.clock.wallOffset)
  }

  // MARK: Mending

  func mend(_ mend: Mend) {
    switch mend {
    case .partition(let number): network.mendPartition(number)
    case .clog(let from, let to): network.clog(from: from, to: to, delay: 0)
    case .datagrams(let from, let to): network.unblock(from: from, to: to)
    case .diskFull(let host): hosts[host].disk.setCapacity(1 << 40)
    case .slowDisk(let host):
      hosts[host].syncDelay = UInt64(profile.syncMicroseconds) * Duration64.microsecond
    }
    trace.note(now, 31, 0, 0, "mended \(mend)")
  }

  /// The end of the first phase: nobody writes any more, nothing goes wrong any more, every machine
  /// starts its process.
  func heal() {
    isHealing = true
    healedAt = now
    trace.note(now, 32, 0, 0, "everything heals")
    network.heal()
    for host in hosts {
      host.disk.setCapacity(1 << 40)
      host.disk.crash(at: nil)
      host.disk.failSync(number: nil)
      host.syncDelay = UInt64(profile.syncMicroseconds) * Duration64.microsecond
      // A tombstone from the future stays until its time: let that be now. Drift is less than 2 s.
      host.clock.wallOffset = wallOffsetMax + 4000
      if host.isPaused { resume(host, host.life) }
      if !host.isUp, !host.isRetired {
        events.add(.start(host: host.number), at: now + random.next(below: Duration64.second))
      }
    }
    healRemovals()
  }
}
