import Bytes
import Cluster
import Store

/// Somebody who writes and deletes, now on this node and now on that one.
final class Client {
  let number: Int
  let owner: Int

  init(number: Int, owner: Int) {
    self.number = number
    self.owner = owner
  }
}

extension World {
  func addClient(_ number: Int) {
    clients.append(Client(number: number, owner: number % profile.owners))
    events.add(.client(number), at: Duration64.second + random.next(below: Duration64.second))
  }

  /// One write, and the time of the next.
  func act(_ client: Client) {
    guard !isHealing else { return }
    let think = Duration64.millisecond * UInt64(profile.thinkMilliseconds)
    var next = now + Duration64.millisecond + random.exponential(mean: think)
    let grid = 100 * Duration64.millisecond
    if profile.isAligned { next = (next + grid - 1) / grid * grid }
    events.add(.client(client.number), at: next)

    let serving = hosts.filter { $0.isServing }
    guard !serving.isEmpty else { return }
    let host = serving[random.index(below: serving.count)]
    guard let process = host.process else { return }
    let key = random.index(below: profile.keys)
    let value = random.perMille(profile.deletesPerMille) ? nil : makeValue()
    process.replica.wallMilliseconds = host.clock.wallMilliseconds(at: now)
    guard
      case .written(let write, let lsn) = process.replica.write(
        key: key, value: value, owner: client.owner)
    else { return }
    trace.note(
      now, 20, host.number, write.digest,
      """
      n\(host.number) client \(client.number) \(value == nil ? "deletes" : "puts") key \(key) \
      \(text(write.stamp)) at \(lsn)
      """
    )
    guard ledger.add(write) else {
      return fail(
        .dotAssignedTwice, "n\(host.number) gave \(text(write.stamp)) to a second write")
    }
    if isShutOut(host) { ledger.declareVoid(ledger.writes.count - 1) }
    if write.stamp.hybridTime <= host.durableTime {
      fail(.timeIsPromised, "n\(host.number) promised times beyond \(text(write.stamp))")
    }
    process.waiting.append(PendingWrite(lsn: lsn, write: ledger.writes.count - 1))
    process.ownWrites.append((lsn, ledger.writes.count - 1))
    pump(host, process)
    scheduleWake(host, process)
  }

  private func makeValue() -> [UInt8] {
    var value = Array(String(ledger.writes.count).utf8)
    let fill = random.index(below: profile.valueBytesMax)
    value += Array(repeating: 0x2e, count: fill)
    return value
  }

  /// Who waits for a position that is durable is told so.
  func acknowledgeClients(_ host: Host, _ process: Process) {
    let replica = process.replica
    let through =
      mutant == .answerBeforeDurable ? replica.appended : replica.acknowledgedLSN
    var done = 0
    for pending in process.waiting {
      guard pending.lsn <= through else { break }
      ledger.acknowledge(pending.write)
      done += 1
    }
    process.waiting.removeFirst(done)
  }

  func text(_ stamp: Stamp) -> String {
    let node = Incarnated(node: NodeID(stamp.node), boot: stamp.boot)
    let counter = stamp.hybridTime & 0xffff
    let milliseconds = Int64(stamp.milliseconds) - Int64(HostClock.epochMilliseconds)
    return "\(name(of: node)):\(stamp.sequence)@\(milliseconds).\(counter)"
  }
}
