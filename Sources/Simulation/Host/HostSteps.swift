import Bytes
import Cluster
import Durability
import Store

// How a host drives the protocol: events in, effects out, the log's turns between.

extension World {
  /// One step of the protocol and what it wants done.
  func step(_ host: Host, _ process: Process, _ event: consuming Event) {
    let instant = host.clock.monotonic(at: now)
    var replica = process.replica
    replica.wallMilliseconds = host.clock.wallMilliseconds(at: now)
    let hearsay = Hearsay(before: copy event, process)
    var wanted: [Effect] = []
    swap(&wanted, &effects)
    process.node.step(
      event, now: instant, replica: &replica, random: &process.random, effects: &wanted)
    check(hearsay, host, process)
    carryOut(wanted[...], host, process)
    wanted.removeAll(keepingCapacity: true)
    swap(&wanted, &effects)
    settle(host, process)
  }

  /// An operator has a member removed, at this node.
  func remove(_ member: NodeID, at host: Host, _ process: Process) {
    var wanted: [Effect] = []
    _ = process.node.removeMember(
      .id(member), evenReachable: true, now: host.clock.monotonic(at: now),
      random: &process.random, effects: &wanted)
    carryOut(wanted[...], host, process)
    settle(host, process)
  }

  private func settle(_ host: Host, _ process: Process) {
    guard host.process === process else { return }
    checkCollected(host, process)
    guard !host.isPaused else { return }
    pump(host, process)
    scheduleWake(host, process)
  }

  /// Does what is wanted, in order. Where members are to be saved and the disk is full, the process
  /// stands still until there is room: nobody may be told before.
  private func carryOut(_ wanted: ArraySlice<Effect>, _ host: Host, _ process: Process) {
    for index in wanted.indices {
      guard host.process === process else { return }
      guard case .saveMembers(let bytes) = wanted[index] else {
        carryOut(wanted[index], host, process)
        continue
      }
      do {
        try AtomicFile.replace(host.disk, Self.membersFile, bytes.span)
        noteSaved(host, process)
      } catch {
        guard error.isOutOfSpace else { return end(host, power: host.disk.hasCrashed) }
        process.postponed = wanted[index...]
        return pause(host, milliseconds: 200)
      }
    }
  }

  /// Goes on with what waited for room on the disk. False where it waits still, or has ended.
  func carryOutPostponed(_ host: Host) -> Bool {
    guard let process = host.process, !process.postponed.isEmpty else { return true }
    let wanted = process.postponed
    process.postponed = []
    carryOut(wanted, host, process)
    guard host.process === process, !host.isPaused else { return false }
    pump(host, process)
    scheduleWake(host, process)
    return host.process === process
  }

  private func carryOut(_ effect: Effect, _ host: Host, _ process: Process) {
    switch effect {
    case .sendPacket(let endpoint, let bytes): send(bytes, from: host, process, to: endpoint)
    case .request(let number, let endpoint, let expected, let channel, let bytes, let milliseconds):
      request(
        number, bytes, from: host, process, to: endpoint, expected: expected, channel: channel,
        milliseconds: milliseconds)
    case .respond(let number, let bytes): respond(number, bytes, from: host, process)
    case .saveMembers, .statusChanged: break
    case .acknowledged(let peer, let after, let through):
      checkAcknowledged(host, process, by: peer, after: after, through: through)
    case .superseded(let position): checkSuperseded(host, process, position)
    case .becameReady:
      trace.note(now, 9, host.number, 0, "n\(host.number) is ready")
      checkReady(host, process)
      host.hasBeenReady = true
      // Whoever joins now may be filled from this one.
      for other in hosts where !other.hasBeenReady && other.lastBoot > 0 {
        other.clusterAtJoin.append(host.durable)
      }
    case .log(let severity, let text):
      trace.note(now, 10, host.number, 0, "n\(host.number) \(severity): \(text)")
    case .stop(let reason):
      trace.note(now, 15, host.number, 0, "n\(host.number) stops: \(reason)")
      if !host.isDoomed { return fail(.nodeGoesOn, "n\(host.number) stops: \(reason)") }
      endRemoved(host)
    }
  }

  // MARK: Time

  func scheduleWake(_ host: Host, _ process: Process) {
    let due = max(host.clock.time(at: process.node.nextDeadline), now + 10 * Duration64.microsecond)
    guard due < process.wakeAt else { return }
    process.wakeAt = due
    events.add(.wake(host: host.number, life: host.life), at: due)
  }

  func wake(_ host: Host, _ process: Process) {
    guard process.wakeAt <= now else { return }
    process.wakeAt = .max
    guard process.node.nextDeadline <= host.clock.monotonic(at: now) else {
      return scheduleWake(host, process)
    }
    trace.note(now, 11, host.number, 0, "n\(host.number) tick")
    step(host, process, .tick)
  }

  // MARK: The log

  /// Sets the log to work where something waits and the disk is idle.
  func pump(_ host: Host, _ process: Process) {
    guard !process.isSyncing else { return }
    do throws(LogError) {
      if process.recyclable > 0 {
        try process.replica.log.recycle(through: process.recyclable)
        process.recyclable = 0
      }
      if try process.replica.begin() {
        process.isSyncing = true
        let delay = host.syncDelay / 2 + random.exponential(mean: host.syncDelay / 2)
        events.add(.synced(host: host.number, life: host.life), at: now + delay)
      } else if process.replica.isOutOfSpace {
        // Looked at again later.
        process.isSyncing = true
        events.add(
          .synced(host: host.number, life: host.life), at: now + 100 * Duration64.millisecond)
      }
    } catch { diskFailed(host, error) }
  }

  func synced(_ host: Host, _ process: Process) {
    process.isSyncing = false
    let replica = process.replica
    let before = replica.durableLSN
    do throws(LogError) {
      try replica.finish()
      if random.once(in: 16), replica.batch.count == 0 {
        // An idle log certifies its last frame.
        try replica.certify()
      }
    } catch { return diskFailed(host, error) }
    if replica.durableLSN > before {
      trace.note(
        now, 12, host.number, replica.durableLSN,
        "n\(host.number) durable through \(replica.durableLSN)")
      becameDurable(host, process)
      if mutant == .recycleEarly { process.recyclable = replica.durableLSN }
      let (entries, positions) = replica.takeOwn()
      process.longestCommit = max(process.longestCommit, entries.count)
      step(
        host, process,
        .committed(entries: entries, positions: positions, through: replica.committed))
    } else {
      pump(host, process)
    }
  }

  private func diskFailed(_ host: Host, _ error: LogError) {
    if error == .outOfSpace { return fail(.admissionHolds, "n\(host.number): \(error)") }
    end(host, power: host.disk.hasCrashed || random.once(in: 2))
  }

  /// Keeps the books of what is on the disk now, and tells clients and subscribers.
  private func becameDurable(_ host: Host, _ process: Process) {
    let replica = process.replica
    settlePromises(host, replica)
    acknowledgeClients(host, process)
    publishChanges(host, replica)
  }

  func settlePromises(_ host: Host, _ replica: SimulatedReplica) {
    var settled = 0
    for (lsn, promise) in replica.promises {
      guard lsn <= replica.durableLSN else { break }
      settled += 1
      switch promise {
      case .dot(let dot, let shard): host.durable[shard].add(dot)
      case .clock(let clock, let shard): host.durable[shard].merge(clock)
      case .time(let time): host.durableTime = max(host.durableTime, time)
      }
    }
    replica.promises.removeFirst(settled)
  }

  // MARK: The checkpoint

  func scheduleCheckpoint(_ host: Host) {
    let mean = UInt64(profile.checkpointMilliseconds) * Duration64.millisecond
    events.add(
      .checkpoint(host: host.number, life: host.life), at: now + random.exponential(mean: mean))
  }

  func stepCheckpoint(_ host: Host, _ process: Process) {
    let replica = process.replica
    let step = UInt64(profile.checkpointStepMilliseconds) * Duration64.millisecond
    if process.checkpoint.run == nil {
      process.checkpoint.run = CheckpointRun(
        of: replica, keyring: SimulatedKeyring.keyring, salts: host.salts.bytes)
      replica.isCheckpointing = true
    }
    do {
      if let position = try process.checkpoint.run?.step(replica, &host.checkpoint) {
        process.checkpoint.run = nil
        replica.isCheckpointing = false
        process.recyclable = position
        trace.note(now, 13, host.number, position, "n\(host.number) checkpoint holds \(position)")
        scheduleCheckpoint(host)
        pump(host, process)
      } else {
        events.add(
          .checkpoint(host: host.number, life: host.life),
          at: now + random.exponential(mean: step))
      }
    } catch { preconditionFailure("a checkpoint in memory does not fail") }
  }
}
