import Cluster

// What nodes may believe of each other, measured by what the world knows of who could reach whom.

/// Whom a node held to be up before it took a message of membership over a session.
struct Hearsay {
  private(set) var held: [NodeID] = []

  init(before event: Event, _ process: Process) {
    let bytes: [UInt8]
    switch event {
    case .request(_, _, let content), .response(_, _, let content): bytes = content
    case .tick, .packet, .failed, .committed, .leave: return
    }
    if Membership.isMessage(bytes) { held = process.node.reachableMembers }
  }
}

extension World {
  /// A full exchange may make somebody suspect, never down: one node that hears nobody must not
  /// talk the cluster to pieces. Who is about to stop is another matter.
  func check(_ hearsay: Hearsay, _ host: Host, _ process: Process) {
    for node in hearsay.held where process.node.state(of: node) == .down {
      guard let other = hosts.first(where: { $0.node == node }), let life = other.process,
        !life.isLeaving
      else { continue }
      fail(.hearsayIsDoubted, "n\(host.number) calls n\(other.number) down, and was only told so")
    }
  }

  /// Once a second: who stands still, is down or cannot be reached by somebody?
  func noteTrouble() {
    let hasResets = profile.faults.has(.reset) && !isHealing
    for host in hosts {
      let isHindered = hosts.contains {
        $0 !== host && !$0.isRetired && network.isHindered(host.number, $0.number)
      }
      let isTroubled = isHindered || !host.isUp || host.isPaused || hasResets
      host.trouble = host.trouble << 1 | (isTroubled ? 1 : 0)
    }
  }

  /// Nothing has hindered a session for a while.
  var isCalm: Bool {
    now > 10 * Duration64.second
      && hosts.allSatisfy { $0.isRetired || ($0.isUp && $0.trouble & 0xfff == 0) }
  }

  /// The shortest suspicion takes four seconds, and a probe comes before it: who was out of reach for
  /// less than that in a whole minute had time to refute.
  func checkCalledDown(_ host: Host, _ process: Process) {
    while process.calledDown.count < hosts.count { process.calledDown.append(false) }
    // Nobody listens to one that was removed, nor need it know why.
    guard !host.isDoomed else { return }
    for other in hosts where other !== host && !other.isDoomed {
      let isDown = process.node.state(of: other.node) == .down
      let wasDown = process.calledDown[other.number]
      process.calledDown[other.number] = isDown
      guard isDown, !wasDown, let life = other.process, !life.isLeaving, isOld(life), isOld(process)
      else { continue }
      let troubles = (host.trouble | other.trouble) & Self.lastMinute
      if troubles.nonzeroBitCount <= 3 {
        fail(
          .reachableIsNotDown,
          """
          n\(host.number) calls n\(other.number) down, which was out of reach for \
          \(troubles.nonzeroBitCount) s of the last minute
          """
        )
      }
    }
  }

  private static let lastMinute: UInt64 = (1 << 60) - 1

  private func isOld(_ process: Process) -> Bool { now - process.beganAt > 10 * Duration64.second }

  /// Who said goodbye while all was well is suspected by nobody.
  func checkGoodbyes() {
    for host in hosts {
      guard let at = host.goodbyeAt, now >= at + 3 * Duration64.second else { continue }
      host.goodbyeAt = nil
      guard !host.isUp, !host.isDoomed else { continue }
      for other in hosts where other !== host && !other.isDoomed && other.trouble & 0xff == 0 {
        guard let process = other.process, process.isReady, isOld(process),
          let state = process.node.state(of: host.node), state == .alive || state == .suspect
        else { continue }
        fail(
          .goodbyeIsHeard, "n\(other.number) calls n\(host.number) \(state), which said goodbye")
      }
    }
  }
}
