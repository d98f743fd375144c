import Bytes
import Cluster
import Store

// Machines that never return, and the operator who removes their nodes.
//
// What a removal promises: a write that only removed members have on disk dies with them, though
// their clients were told that it is there; every other one lives on. Whoever was removed is told so
// as soon as it speaks to somebody who knows, ends, and brings nothing back.

extension World {
  static let rebuiltMax = 2

  // MARK: Faults

  /// Whether this one may go: somebody stays who has everything.
  private func maySpare(_ host: Host) -> Bool {
    !host.isDoomed && hosts.contains { $0 !== host && $0.hasBeenReady && !$0.isDoomed }
  }

  /// A machine ends for good, perhaps with its disk.
  func die(_ host: Host) {
    guard maySpare(host) else { return }
    host.isDoomed = true
    host.isRetired = true
    end(host, power: true, restart: false)
    host.isGone = random.once(in: 2)
    let delay = Duration64.second + random.exponential(mean: 5 * Duration64.second)
    events.add(.operate(host: host.number), at: now + delay)
    guard random.once(in: 2) else { return }
    events.add(
      .rebuild(host: host.number), at: now + random.exponential(mean: 8 * Duration64.second))
  }

  /// An operator removes a member that lives.
  func removeLiving(_ host: Host) {
    guard host.isAdmitted || host.hasBeenReady, maySpare(host) else { return }
    host.isDoomed = true
    operate(host)
  }

  /// The operator sees to it that a node is removed: on one node or two at once, and again until
  /// somebody who stays has it on disk.
  func operate(_ victim: Host) {
    if isRemoved(victim) { return letReturn(victim) }
    if !victim.isUp, isUnknown(victim) {
      // Nobody has let it in: there is nothing to remove.
      victim.wasNeverKnown = true
      victim.isGone = true
      victim.isRetired = true
      return
    }
    events.add(.operate(host: victim.number), at: now + Duration64.second)
    var candidates = hosts.filter { canRemove(victim, at: $0) }
    for _ in 0..<(random.once(in: 3) ? 2 : 1) where !candidates.isEmpty {
      let host = candidates.remove(at: random.index(below: candidates.count))
      guard let process = host.process else { continue }
      trace.note(
        now, 33, host.number, UInt64(victim.number),
        "n\(host.number) is told to remove n\(victim.number)")
      remove(victim.node, at: host, process)
    }
  }

  /// A node on which the removal is safe: it knows every member, also those that the removed one may
  /// have let in without telling anybody.
  private func canRemove(_ victim: Host, at host: Host) -> Bool {
    guard host !== victim, !host.isDoomed, !host.isPaused, let process = host.process,
      process.isReady, process.node.state(of: victim.node) != nil
    else { return false }
    return hosts.allSatisfy {
      $0 === host || ($0.isDoomed && !$0.isUp) || process.node.state(of: $0.node) != nil
    }
  }

  private func isUnknown(_ victim: Host) -> Bool {
    hosts.allSatisfy {
      guard !$0.isDoomed else { return true }
      guard let process = $0.process else { return false }
      return process.node.state(of: victim.node) == nil
    }
  }

  /// Somebody who stays has it on disk: nobody's crash can make it forgotten.
  func isRemoved(_ victim: Host) -> Bool {
    victim.wasNeverKnown
      || hosts.contains { !$0.isDoomed && $0.removedOnDisk.contains(victim.node) }
  }

  /// Whether everybody who still speaks to anybody knows that this node was removed. One that was
  /// removed itself may pass on what it took, until it is told.
  func isShutOut(_ victim: Host) -> Bool {
    victim.isDoomed
      && hosts.allSatisfy {
        $0 === victim || $0.isGone || $0.removedOnDisk.contains(victim.node)
      }
  }

  /// The removal is certain: the old machine may come back now, with its old disk.
  private func letReturn(_ victim: Host) {
    guard victim.isRetired, !victim.isGone, canBeTold(victim) else { return }
    if !isHealing, random.once(in: 2) { return }
    victim.isRetired = false
    events.add(
      .start(host: victim.number), at: now + random.exponential(mean: 3 * Duration64.second))
  }

  /// Whether it finds somebody who stays, where it last knew that one to be.
  private func canBeTold(_ victim: Host) -> Bool {
    hosts.contains { !$0.isDoomed && knows(victim, $0) }
  }

  /// A node that was removed has been told. It starts once more: it must know it still.
  func endRemoved(_ host: Host) {
    let isFirst = !host.wasTold
    host.wasTold = true
    host.isGone = !isFirst
    host.isRetired = !isFirst
    end(host, power: false, restart: isFirst)
  }

  /// Another node, with an empty disk, begins where a machine died.
  func rebuild(_ victim: Host) {
    guard !isHealing, rebuilt < Self.rebuiltMax, !victim.isUp else { return }
    rebuilt += 1
    let endpoint = victim.endpoint
    // With the old machine its disk is gone.
    victim.isGone = true
    victim.isRetired = true
    victim.endpoint = Host.endpoint(victim.number, address: 250)
    addHost(at: endpoint)
  }

  // MARK: Newcomers

  /// A newcomer stands beside some other machine: what cuts that one off cuts it off too.
  func placeNewcomer(_ host: Host) {
    guard network.isDivided else { return }
    network.place(host.number, beside: random.index(below: host.number))
  }

  /// A node that was never let in and knows only of machines that are gone is given another one.
  /// Nor is it to be let in by one that the others have removed.
  func chooseLivingSeeds(_ host: Host) {
    guard !host.isAdmitted, !host.seeds.isEmpty, hosts.contains(where: { $0.isDoomed }) else {
      return
    }
    host.seeds.removeAll { self.host(at: $0)?.isDoomed == true }
    let living = hosts.filter { !$0.isDoomed && $0.isAdmitted && $0 !== host }
    guard !living.isEmpty, !living.contains(where: { asks(host, $0) }) else { return }
    host.seeds = [seed(for: living[random.index(below: living.count)])]
  }

  /// Whether nobody can let it in where it asks.
  private func isLost(_ host: Host) -> Bool {
    !host.isAdmitted && host.number > 0
      && !hosts.contains {
        !$0.isDoomed && $0.isAdmitted && $0 !== host && asks(host, $0)
      }
  }

  /// Whether a member knows nobody who is left, nor is known to any, at least not where: those between
  /// them are gone.
  private func isStranded(_ host: Host) -> Bool {
    let others = hosts.filter { !$0.isDoomed && $0.isAdmitted && $0 !== host }
    return host.isAdmitted && !others.isEmpty
      && !others.contains { knows(host, $0) || knows($0, host) }
  }

  /// Whether one finds the other by what it has saved, or by its seeds.
  private func knows(_ host: Host, _ other: Host) -> Bool {
    asks(host, other)
      || host.known.contains { $0.host == other.number && $0.endpoint == other.endpoint }
  }

  private func asks(_ host: Host, _ other: Host) -> Bool {
    host.seeds.contains { self.host(at: $0) === other }
  }

  /// An operator tells a member where another one is, and starts it anew.
  private func giveSeed(_ host: Host) {
    let others = hosts.filter { !$0.isDoomed && $0.isAdmitted && $0 !== host }
    host.seeds = [seed(for: others[random.index(below: others.count)])]
    if host.isUp { end(host, power: false) }
  }

  // MARK: The end

  /// What a healed world does about removals: each is carried out, every disk that is left comes back
  /// once, and whoever cannot be told that it was removed is switched off.
  func healRemovals() {
    for host in hosts {
      if !host.isDoomed {
        if isStranded(host) { giveSeed(host) }
        if host.isUp, isLost(host) { end(host, power: false) }
        continue
      }
      if !canBeTold(host) {
        host.isGone = true
        host.isRetired = true
        if host.isUp { end(host, power: false, restart: false) }
      }
      events.add(.operate(host: host.number), at: now + Duration64.second / 2)
    }
  }

  /// What a node has saved of the members: what it believed when it did.
  func noteSaved(_ host: Host, _ process: Process) {
    host.removedOnDisk = []
    host.known = []
    host.isAdmitted = !process.node.isJoining
    for other in hosts where other !== host {
      guard let member = process.node.member(other.node) else { continue }
      if member.state == .removed {
        host.removedOnDisk.append(other.node)
      } else {
        host.known.append((other.number, member.endpoint))
      }
    }
  }

  // MARK: What must hold

  /// Who was removed stays out: for whoever has that on disk, and with what it still writes.
  func checkRemoved(_ host: Host, _ process: Process) {
    guard !host.isDoomed else { return }
    for victim in hosts where victim.isDoomed {
      if host.removedOnDisk.contains(victim.node),
        process.node.state(of: victim.node) != .removed
      {
        fail(.removedStaysOut, "n\(host.number) has forgotten that n\(victim.number) was removed")
      }
    }
    for number in ledger.void {
      let write = ledger.writes[number]
      if process.replica.shards[write.shard].shard.clock.contains(write.dot) {
        fail(
          .removedStaysOut,
          "n\(host.number) took \(text(write.stamp)), written when all knew of the removal")
      }
    }
  }
}
