import Bytes
import Store

/// Somebody who follows a key, on one node after the other.
final class Subscriber {
  let number: Int
  let key: Int
  var host: Int?
  /// The stamp of the last event, nil where the key was not there.
  var last: Stamp?
  var isLive = false

  init(number: Int, key: Int) {
    self.number = number
    self.key = key
  }
}

extension World {
  func addSubscriber(_ number: Int) {
    subscribers.append(Subscriber(number: number, key: random.index(below: profile.keys)))
    events.add(
      .subscriber(number), at: Duration64.second + random.next(below: 5 * Duration64.second))
  }

  /// Connects to some node and is told the present state, unless what it knows is newer.
  func connect(_ subscriber: Subscriber) {
    let serving = hosts.filter { $0.isServing }
    guard subscriber.host == nil, !serving.isEmpty else {
      if subscriber.host == nil {
        events.add(.subscriber(subscriber.number), at: now + 200 * Duration64.millisecond)
      }
      return
    }
    let host = serving[random.index(below: serving.count)]
    guard let process = host.process else { return }
    subscriber.host = host.number
    trace.note(
      now, 21, host.number, UInt64(subscriber.number),
      "n\(host.number) subscriber \(subscriber.number) of key \(subscriber.key)")
    let replica = process.replica
    if replica.keyLSN[subscriber.key] <= replica.durableLSN {
      tell(subscriber, host, replica, isFirst: true)
    } else {
      replica.changes.append((replica.keyLSN[subscriber.key], subscriber.key))
    }
  }

  func disconnect(from host: Host) {
    for subscriber in subscribers where subscriber.host == host.number {
      subscriber.host = nil
      // What it was told there may have died with the node: it begins anew.
      if host.isDoomed { (subscriber.last, subscriber.isLive) = (nil, false) }
      events.add(
        .subscriber(subscriber.number), at: now + random.exponential(mean: Duration64.second))
    }
  }

  /// Tells of the keys whose changes are durable now; of several changes the last is enough.
  func publishChanges(_ host: Host, _ replica: SimulatedReplica) {
    var done = 0
    for (lsn, key) in replica.changes {
      guard lsn <= replica.durableLSN else { break }
      done += 1
      guard replica.keyLSN[key] <= replica.durableLSN else { continue }
      for subscriber in subscribers where subscriber.host == host.number && subscriber.key == key {
        tell(subscriber, host, replica, isFirst: false)
      }
    }
    replica.changes.removeFirst(done)
  }

  private func tell(
    _ subscriber: Subscriber, _ host: Host, _ replica: SimulatedReplica, isFirst: Bool
  ) {
    guard let state = replica.state(ofKey: subscriber.key) else {
      (subscriber.last, subscriber.isLive) = (nil, false)
      return
    }
    let (stamp, isLive) = (state.stamp, !state.isDead)
    if let last = subscriber.last, stamp <= last { return }
    (subscriber.last, subscriber.isLive) = (stamp, isLive)
    trace.note(
      now, 22, host.number, stamp.hybridTime,
      "n\(host.number) event to \(subscriber.number): \(text(stamp)) live \(isLive)")
  }
}
