import Bytes
import Cluster
import Store

/// A whole cluster in one process: virtual time, machines with disks and clocks, wires between
/// them, clients, and whatever goes wrong. Everything follows from the seed.
final class World {
  let seed: UInt64
  let profile: Profile
  let mutant: Mutant
  let settings: ClusterSettings
  var random: SeededRandom
  /// Nanoseconds of virtual time.
  var now: UInt64 = 0
  var events = EventQueue()
  var network: Network
  var hosts: [Host] = []
  var clients: [Client] = []
  var subscribers: [Subscriber] = []
  var ledger = Ledger()
  var trace: Trace
  /// The first thing that went wrong; the world stops at it.
  var violation: Violation?
  /// Faults and writes are over; the world has to become equal.
  var isHealing = false
  var healedAt: UInt64 = 0
  var isDone = false
  var effects: [Effect] = []
  /// The most by which any wall clock was ever ahead.
  var wallOffsetMax: Int64 = 0
  /// Machines that were added, and those that took the place of another one.
  var joined = 0
  var rebuilt = 0
  /// What the nodes had done, together, when that last changed, and when that was.
  var activity: (count: UInt64, at: UInt64) = (0, 0)

  /// More than any seed needs; a world that gets there turns in circles.
  private static let eventsMax = 3_000_000
  /// A hundred times what a second of a world with all faults has.
  private static let eventsPerSecondMax = 50_000
  private var pace: (until: UInt64, events: Int) = (0, 0)

  init(seed: UInt64, profile: Profile, mutant: Mutant, trace: Trace) {
    self.seed = seed
    self.profile = profile
    self.mutant = mutant
    self.trace = trace
    settings = profile.clusterSettings(mutant: mutant)
    random = SeededRandom(seed: seed)
    network = Network(
      hostsMax: profile.hosts + profile.joins + Self.rebuiltMax, profile: profile)
    for _ in 0..<profile.hosts { addHost() }
    for number in 0..<profile.clients { addClient(number) }
    for number in 0..<profile.subscribers { addSubscriber(number) }
    events.add(.fault, at: 3 * Duration64.second)
    events.add(.inspect, at: Duration64.second)
    events.add(.heal, at: UInt64(profile.safetySeconds) * Duration64.second)
  }

  /// Runs to the end, or to the first violation.
  func run() {
    while !isDone, violation == nil, let (time, event) = events.next() {
      now = time
      dispatch(event)
      if trace.events > Self.eventsMax {
        fail(.worldMovesOn, "more than \(Self.eventsMax) events")
      }
      checkPace()
    }
  }

  /// A world whose nodes spin does so at once.
  private func checkPace() {
    if now >= pace.until { pace = (now + Duration64.second, trace.events) }
    if trace.events - pace.events > Self.eventsPerSecondMax {
      fail(.worldMovesOn, "more than \(Self.eventsPerSecondMax) events in a second")
    }
  }

  func fail(_ invariant: Invariant, _ detail: @autoclosure () -> String) {
    guard violation == nil else { return }
    violation = Violation(invariant: invariant, detail: detail(), time: now)
  }

  private func dispatch(_ event: WorldEvent) {
    switch event {
    case .none: break
    case .start(let host): start(hosts[host])
    case .resume(let host, let life): resume(hosts[host], life)
    case .wake(let host, let life): deliver(event, hosts[host], life) { self.wake($0, $1) }
    case .synced(let host, let life): deliver(event, hosts[host], life) { self.synced($0, $1) }
    case .checkpoint(let host, let life):
      deliver(event, hosts[host], life) { self.stepCheckpoint($0, $1) }
    case .packet(let host, let datagram):
      deliver(event, hosts[host], nil) { self.receive(datagram, at: $0, $1) }
    case .request(let flight): arrive(event, flight)
    case .response(let flight, let bytes):
      deliver(event, hosts[flight.from], flight.fromLife) {
        self.receive(bytes, for: flight, at: $0, $1)
      }
    case .broken(let flight): end(event, flight, .unreachable)
    case .refused(let flight): end(event, flight, .refused)
    case .expired(let flight): end(event, flight, .timedOut)
    case .client(let number): act(clients[number])
    case .gone(let host, let life):
      if hosts[host].life == life { end(hosts[host], power: false) }
    case .subscriber(let number): connect(subscribers[number])
    case .operate(let host): operate(hosts[host])
    case .rebuild(let host): rebuild(hosts[host])
    case .fault: strike()
    case .mend(let mend): self.mend(mend)
    case .inspect: inspect()
    case .heal: heal()
    }
  }

  /// Hands an event to the process it is meant for, where that lives and does not stand still.
  private func deliver(
    _ event: WorldEvent, _ host: Host, _ life: Int?, _ body: (Host, Process) -> Void
  ) {
    guard let process = host.process, life == nil || life == host.life else { return }
    if host.isPaused {
      host.backlog.append(event)
    } else {
      body(host, process)
    }
  }

  private func end(_ event: WorldEvent, _ flight: Flight, _ reason: RequestFailure) {
    guard !flight.isOver else { return }
    deliver(event, hosts[flight.from], flight.fromLife) { host, process in
      flight.isOver = true
      self.trace.note(
        self.now, 6, host.number, flight.number.rawValue,
        "n\(host.number) request \(flight.number.rawValue) to n\(flight.to) \(reason)")
      self.step(host, process, .failed(flight.number, reason: reason))
    }
  }
}
