import Bytes
import Cluster
import Store

// What must hold at every moment. Checked where it could break, and every second.

extension World {
  func inspect() {
    noteTrouble()
    for host in hosts {
      guard let process = host.process else { continue }
      if mutant == .collectByTime {
        process.replica.wallMilliseconds = host.clock.wallMilliseconds(at: now)
        process.replica.collectByAge()
        checkCollected(host, process)
      }
      collectAlone(host, process)
      checkStored(host, process)
      checkAdverts(host, process)
      checkStatus(host, process)
      checkRemoved(host, process)
      checkCalledDown(host, process)
    }
    checkGoodbyes()
    if isHealing { return inspectHealing() }
    events.add(.inspect, at: now + Duration64.second)
  }

  /// Whatever a clock has seen is here, or something greater; and nothing else is.
  private func checkStored(_ host: Host, _ process: Process) {
    let replica = process.replica
    for key in 0..<profile.keys {
      let expected = ledger.greatest(
        ofKey: key, seenBy: replica.shards[Keyspace.keys[key].shard].shard.clock)
      guard let (stamp, isDead) = replica.state(ofKey: key).map({ ($0.stamp, $0.isDead) }) else {
        if let expected, !expected.isDead {
          fail(
            .seenIsStored,
            "n\(host.number) has seen \(text(expected.stamp)) of key \(key) and has nothing")
        }
        continue
      }
      guard let expected else {
        fail(
          .seenIsStored, "n\(host.number) has \(text(stamp)) of key \(key), and its clock has not")
        continue
      }
      if stamp != expected.stamp {
        let invariant: Invariant =
          stamp > expected.stamp
          ? .seenIsStored : expected.isDead && !isDead ? .deletedStaysDeleted : .greatestWins
        fail(
          invariant,
          """
          n\(host.number) has \(text(stamp)) of key \(key), and has seen \(text(expected.stamp)) \
          \(expected.isDead ? "(a delete)" : "")
          """
        )
      } else if replica.digest(ofKey: key) != expected.digest {
        fail(
          .recordIsGenuine, "n\(host.number): \(text(stamp)) of key \(key) is not what was written")
      }
    }
  }

  /// What a node believes that its peers have on disk, they have.
  private func checkAdverts(_ host: Host, _ process: Process) {
    for peer in hosts where peer !== host {
      for shard in 0..<Keyspace.shardCount {
        guard let advert = process.node.advert(of: peer.node, shard: shard) else { continue }
        if !peer.durable[shard].covers(advert.clock) {
          fail(
            .advertIsDurable,
            "n\(host.number) believes of n\(peer.number), shard \(shard), what is not on its disk")
        }
        checkPromise(of: peer, shard, advert.clock, advert.hybridTime)
      }
    }
  }

  private func checkPromise(of peer: Host, _ shard: Int, _ clock: ShardClock, _ time: UInt64) {
    for key in 0..<profile.keys where Keyspace.keys[key].shard == shard {
      // The latest few are enough: the older ones were looked at before.
      var left = 8
      for number in ledger.byKey[key].reversed() {
        let write = ledger.writes[number]
        guard write.stamp.hybridTime <= time else { continue }
        left -= 1
        guard left >= 0 else { break }
        // What a crash took before it was durable may live on with a peer that had asked for the
        // shard: its dot is in that peer's clock, and the boot that gave it away is fenced.
        if write.stamp.node == peer.node.rawValue, write.isDurableAtHome, !clock.contains(write.dot)
        {
          fail(
            .timeIsPromised,
            "n\(peer.number) promised times beyond \(text(write.stamp)), and wrote it")
        }
      }
    }
  }

  private func checkStatus(_ host: Host, _ process: Process) {
    let repairs = process.node.counters.replication.repairs
    if repairs > 0 { fail(.secondLineFindsNothing, "n\(host.number) counts \(repairs) repairs") }
    // The last batch of the log stays whole, however long it is.
    let bytesMax = settings.queueBytesMax + process.longestCommit
    // What is admitted beyond what the log has reserved has a bound too.
    let waiting = process.replica.queuedBytes
    if waiting > SimulatedReplica.spareBytesMax + 4 * profile.segmentBytes {
      fail(.admissionHolds, "n\(host.number) holds \(waiting) bytes that its log has no room for")
    }
    let bytes = process.node.queueBytes
    if bytes > bytesMax {
      fail(.queuesAreBounded, "n\(host.number) holds \(bytes) bytes for its peers")
    }
  }

  // MARK: At their moments

  /// A crash may take what was not durable, and nothing else.
  func checkRecovered(_ host: Host, _ process: Process) {
    for shard in 0..<Keyspace.shardCount {
      let clock = process.replica.shards[shard].shard.clock
      if !clock.covers(host.durable[shard]) {
        fail(.clockNeverShrinks, "n\(host.number) forgot durable writes of shard \(shard)")
      }
      // What a recovery has read, it has made durable.
      host.durable[shard] = clock
    }
    for number in ledger.writes.indices {
      let write = ledger.writes[number]
      guard write.stamp.node == host.node.rawValue else { continue }
      if process.replica.shards[write.shard].shard.clock.contains(write.dot) {
        ledger.settle(number)
      } else if write.isAcknowledged {
        fail(
          .acknowledgedSurvives,
          "n\(host.number) lost \(text(write.stamp)), which it had acknowledged")
      } else {
        ledger.lose(number)
      }
    }
    checkStored(host, process)
  }

  /// What a peer acknowledged is on its disk.
  func checkAcknowledged(
    _ host: Host, _ process: Process, by peer: NodeID, after: UInt64, through: UInt64
  ) {
    guard let target = hosts.first(where: { $0.node == peer }) else { return }
    for (lsn, number) in process.ownWrites.reversed() {
      if lsn <= after { break }
      let write = ledger.writes[number]
      if lsn <= through, !target.durable[write.shard].contains(write.dot) {
        fail(
          .acknowledgedIsDurable,
          """
          n\(target.number) acknowledged \(text(write.stamp)) to n\(host.number), and has it not \
          on disk
          """
        )
      }
    }
  }

  /// Of a write that is called superseded there is a greater one.
  func checkSuperseded(_ host: Host, _ process: Process, _ position: UInt64) {
    guard let (_, number) = process.ownWrites.last(where: { $0.lsn == position }) else { return }
    let write = ledger.writes[number]
    guard let last = ledger.byKey[write.key].last, ledger.writes[last].stamp > write.stamp else {
      return fail(.supersededIsTrue, "n\(host.number): \(text(write.stamp)) lost against nothing")
    }
  }

  /// Collected tombstones, by what only the world can see: every member has the delete on disk,
  /// this node has seen every older write of the key that anybody has, and nobody will make
  /// another.
  func checkCollected(_ host: Host, _ process: Process) {
    let replica = process.replica
    guard !replica.collected.isEmpty else { return }
    for (key, stamp) in replica.collected {
      let shard = Keyspace.keys[key].shard
      trace.note(
        now, 14, host.number, stamp.hybridTime,
        "n\(host.number) collects \(text(stamp)) of key \(key)")
      for member in hosts where member.hasBeenReady && isMember(member, for: process) {
        if !member.durable[shard].contains(stamp.dot) {
          fail(
            .collectionIsSafe,
            """
            n\(host.number) collected \(text(stamp)) of key \(key), which n\(member.number) has \
            not on disk
            """
          )
        }
        if member.durableTime < stamp.hybridTime {
          fail(
            .collectionIsSafe,
            """
            n\(host.number) collected \(text(stamp)) of key \(key), and n\(member.number) may \
            still write before it
            """
          )
        }
        checkOlder(host, process, member, key: key, than: stamp)
      }
    }
    replica.collected.removeAll()
  }

  /// A node without any other member lets its tombstones go by age, as the server does.
  private func collectAlone(_ host: Host, _ process: Process) {
    guard process.node.peerCount == 0, process.isReady, !host.isPaused else { return }
    if hosts.contains(where: { $0 !== host && $0.hasBeenReady && isMember($0, for: process) }) {
      return fail(.clusterIsOne, "n\(host.number) believes that it is alone")
    }
    process.replica.wallMilliseconds = host.clock.wallMilliseconds(at: now)
    process.replica.collectByAge()
    process.replica.collected.removeAll()
  }

  /// Whether a host counts for what this process may forget. Of one that it knows to be removed
  /// nothing can still come; nor of one that died before anybody who is left had heard of it.
  private func isMember(_ host: Host, for process: Process) -> Bool {
    guard host.isDoomed else { return true }
    let state = process.node.state(of: host.node)
    return state == nil ? host.isUp : state != .removed
  }

  private func checkOlder(
    _ host: Host, _ process: Process, _ member: Host, key: Int, than stamp: Stamp
  ) {
    let shard = Keyspace.keys[key].shard
    let own = process.replica.shards[shard].shard.clock
    for number in ledger.byKey[key].reversed() {
      let write = ledger.writes[number]
      guard write.stamp < stamp, !own.contains(write.dot) else { continue }
      let isKnown =
        member.durable[shard].contains(write.dot)
        || member.process?.replica.shards[shard].shard.clock.contains(write.dot) == true
      if isKnown {
        fail(
          .collectionIsSafe,
          """
          n\(host.number) collected \(text(stamp)) of key \(key) without having seen \
          \(text(write.stamp)), which n\(member.number) has
          """
        )
      }
    }
  }

  /// A node that says it is ready has on disk what at least one ready node had: when this one began to
  /// join, or when that one became ready, if that was later.
  func checkReady(_ host: Host, _ process: Process) {
    guard !host.hasBeenReady, !host.clusterAtJoin.isEmpty else { return }
    var missing: LedgerWrite?
    for clocks in host.clusterAtJoin {
      missing = firstMissing(of: clocks, in: process.replica)
      if missing == nil { return }
    }
    guard let missing else { return }
    fail(
      .readyIsComplete,
      """
      n\(host.number) is ready without what any node had when it came, such as \
      \(text(missing.stamp)) of key \(missing.key)
      """
    )
  }

  private func firstMissing(of clocks: [ShardClock], in replica: SimulatedReplica) -> LedgerWrite? {
    for key in 0..<profile.keys {
      let shard = Keyspace.keys[key].shard
      guard let had = ledger.greatest(ofKey: key, seenBy: clocks[shard]) else { continue }
      if !isCovered(had, by: replica) { return had }
    }
    return nil
  }

  /// Whether a replica has a write, or has seen it, or has something greater; of a delete it may
  /// also have nothing at all.
  private func isCovered(_ write: LedgerWrite, by replica: SimulatedReplica) -> Bool {
    if replica.shards[write.shard].shard.clock.contains(write.dot) { return true }
    guard let state = replica.state(ofKey: write.key) else { return write.isDead }
    return state.stamp >= write.stamp
  }
}
