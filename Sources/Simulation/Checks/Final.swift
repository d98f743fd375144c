import Bytes
import Cluster
import Store

// What must hold in the end: a healed world becomes equal, to what was written.

extension World {
  /// Looks every half second whether all is equal, until the time is over.
  func inspectHealing() {
    guard let reason = difference() else { return finish() }
    let passed = (now - healedAt) / Duration64.second
    if passed >= UInt64(profile.livenessSeconds) {
      return fail(
        reason.invariant, "after \(passed) s of peace: \(reason.text)")
    }
    events.add(.inspect, at: now + Duration64.second / 2)
  }

  /// Why the world is not at rest yet; nil where it is.
  private func difference() -> (invariant: Invariant, text: String)? {
    if let text = removalDifference() { return (.removedStaysOut, text) }
    for host in living {
      guard let process = host.process else { return (.converges, "n\(host.number) is down") }
      if !process.isReady { return (.converges, "n\(host.number) is not ready") }
      if process.node.isCatchingUp { return (.converges, "n\(host.number) is catching up") }
      if process.replica.durableLSN < process.replica.appended {
        return (.converges, "n\(host.number) has not written its log")
      }
    }
    if let text = membershipDifference() { return (.converges, text) }
    for shard in 0..<Keyspace.shardCount {
      if let text = difference(ofShard: shard) { return (.converges, text) }
    }
    for host in living {
      guard let process = host.process else { continue }
      for shard in 0..<Keyspace.shardCount
      where process.replica.shards[shard].shard.tombstoneCount > 0 {
        return (.tombstonesGo, "n\(host.number) keeps a tombstone in shard \(shard)")
      }
    }
    for subscriber in subscribers where subscriber.host == nil {
      return (.converges, "subscriber \(subscriber.number) finds no node")
    }
    return isAtRest
      ? nil : (.comesToRest, "nodes still send each other writes, or doubt each other")
  }

  /// Those that nobody has removed.
  private var living: [Host] { hosts.filter { !$0.isDoomed } }

  private func removalDifference() -> String? {
    for victim in hosts where victim.isDoomed {
      if !isRemoved(victim) { return "nobody has removed n\(victim.number)" }
      if victim.isUp { return "n\(victim.number) was removed and runs" }
      if !victim.isGone { return "n\(victim.number) was removed and has not been back" }
    }
    return nil
  }

  /// Nothing was pushed, pulled or suspected for two seconds.
  private var isAtRest: Bool {
    var count: UInt64 = 0
    for host in living {
      guard let (replication, membership) = host.process?.node.counters else { continue }
      count += replication.pushedEntries + replication.pulledEntries + replication.pulledShards
      count += membership.suspicions + membership.refutations
    }
    if count != activity.count { activity = (count, now) }
    return now - activity.at >= 2 * Duration64.second
  }

  private func membershipDifference() -> String? {
    for host in living {
      guard let process = host.process else { continue }
      let status = process.node.status
      let active = status.members.filter { $0.isOwn || $0.state == .alive }.count
      if active != living.count {
        return "n\(host.number) calls \(active) of \(living.count) active"
      }
    }
    return nil
  }

  private func difference(ofShard shard: Int) -> String? {
    guard let first = living.first?.process?.replica else { return nil }
    let clock = first.shards[shard].shard.clock
    let content = liveContent(of: first, shard)
    for host in living.dropFirst() {
      guard let replica = host.process?.replica else { continue }
      if replica.shards[shard].shard.clock != clock {
        return "the clocks of the first node and n\(host.number) differ in shard \(shard)"
      }
      if liveContent(of: replica, shard) != content {
        return "the records of the first node and n\(host.number) differ in shard \(shard)"
      }
    }
    return nil
  }

  /// The live records of a shard, byte for byte.
  private func liveContent(of replica: SimulatedReplica, _ shard: Int) -> [UInt8] {
    var content = ByteBuffer()
    for key in 0..<profile.keys where Keyspace.keys[key].shard == shard {
      replica.appendLive(ofKey: key, to: &content)
    }
    return content.copied()
  }

  // MARK: The verdict

  private func finish() {
    isDone = true
    checkOutcome()
    checkSubscribers()
    for host in living where violation == nil { checkReplay(host) }
    trace.note(
      now, 40, 0, UInt64(ledger.writes.count),
      "all is equal after \((now - healedAt) / Duration64.millisecond) ms")
  }

  /// Every replica has the greatest write of each key that survived, and no acknowledged one is
  /// missing.
  private func checkOutcome() {
    guard let replica = living.first?.process?.replica else { return }
    for key in 0..<profile.keys {
      let clock = replica.shards[Keyspace.keys[key].shard].shard.clock
      for number in ledger.byKey[key] where ledger.writes[number].isAcknowledged {
        let write = ledger.writes[number]
        if !clock.contains(write.dot), !isOfRemoved(write.stamp) {
          fail(
            .acknowledgedSurvives,
            "\(text(write.stamp)) of key \(key) was acknowledged, and nobody knows it")
        }
      }
      let expected = ledger.greatest(ofKey: key, seenBy: clock)
      let expectedLive = expected.flatMap { $0.isDead ? nil : $0.stamp }
      let foundLive = replica.state(ofKey: key)?.liveStamp
      if expectedLive != foundLive {
        fail(
          expectedLive == nil ? .deletedStaysDeleted : .greatestWins,
          """
          key \(key) is \(foundLive.map(text) ?? "absent"), not \
          \(expectedLive.map(text) ?? "absent")
          """
        )
      }
    }
  }

  private func hasDied(_ stamp: Stamp, key: Int, _ replica: SimulatedReplica) -> Bool {
    isOfRemoved(stamp)
      && !replica.shards[Keyspace.keys[key].shard].shard.clock.contains(stamp.dot)
  }

  /// A write that only removed members have on disk dies with them. Whoever stays and had it on disk
  /// has it now, since no clock shrinks and all are equal.
  private func isOfRemoved(_ stamp: Stamp) -> Bool {
    hosts.contains { $0.isDoomed && $0.node.rawValue == stamp.node }
  }

  private func checkSubscribers() {
    for subscriber in subscribers {
      guard let replica = subscriber.host.flatMap({ hosts[$0].process?.replica }) else { continue }
      let state = replica.state(ofKey: subscriber.key)?.liveStamp
      let last = subscriber.isLive ? subscriber.last : nil
      // Somebody told of a write that died with a removed node goes on from there.
      if let told = subscriber.last, hasDied(told, key: subscriber.key, replica) { continue }
      if last != state {
        fail(
          .subscribersAreCurrent,
          """
          subscriber \(subscriber.number) of key \(subscriber.key) was last told \
          \(last.map(text) ?? "absent"), and it is \(state.map(text) ?? "absent")
          """
        )
      }
    }
  }

  /// What the disk gives back is what memory held. A tombstone that went may be back, and goes
  /// again.
  private func checkReplay(_ host: Host) {
    guard let memory = host.process?.replica else { return }
    let disk = host.disk.afterKill()
    var checkpoint = host.checkpoint
    checkpoint.crash()
    do throws(RecoveredStore.Failure) {
      let found = try RecoveredStore(
        disk: disk, mutant: mutant, checkpoint: &checkpoint, keyring: SimulatedKeyring.keyring,
        salts: host.salts.bytes)
      for shard in 0..<Keyspace.shardCount {
        if found.shards[shard].shard.clock != memory.shards[shard].shard.clock {
          fail(.replayEqualsMemory, "n\(host.number) replays another clock of shard \(shard)")
        }
      }
      for key in 0..<profile.keys {
        if found.state(ofKey: key)?.liveStamp != memory.state(ofKey: key)?.liveStamp {
          fail(.replayEqualsMemory, "n\(host.number) replays another record of key \(key)")
        }
      }
    } catch {
      fail(.recoveryAccepts, "n\(host.number), in the end: \(error)")
    }
  }
}
