import Bytes
import Cluster

// What travels between processes: datagrams, requests and their answers.

extension World {
  /// The machine that has this address, or this name.
  func host(at endpoint: Endpoint) -> Host? {
    hosts.first { $0.endpoint == endpoint } ?? hosts.first { $0.name == endpoint }
  }

  /// How others are told to look for a machine.
  func seed(for host: Host) -> Endpoint { profile.hasNames ? host.name : host.endpoint }

  // MARK: Datagrams

  func send(_ bytes: [UInt8], from host: Host, _ process: Process, to endpoint: Endpoint) {
    guard let target = self.host(at: endpoint), target !== host else { return }
    let (first, second) = network.arrivals(
      from: host.number, to: target.number, now: now, &random)
    let datagram = Datagram(from: process.own, address: host.endpoint, bytes: bytes)
    if let first { events.add(.packet(host: target.number, datagram), at: first) }
    if let second { events.add(.packet(host: target.number, datagram), at: second) }
  }

  func receive(_ datagram: Datagram, at host: Host, _ process: Process) {
    trace.note(
      now, 1, host.number, Trace.hash(datagram.bytes),
      """
      n\(host.number) packet from \(name(of: datagram.from)) \(datagram.bytes.count) bytes \
      type \(datagram.bytes.first ?? 0)
      """
    )
    step(
      host, process,
      .packet(from: datagram.from, address: datagram.address, bytes: datagram.bytes))
  }

  // MARK: Requests

  /// Bytes of one session arrive in order; a machine that is up refuses where no process listens; a
  /// link that is cut, or a process that stands still, is known by the silence only.
  func request(
    _ number: RequestID, _ bytes: [UInt8], from host: Host, _ process: Process,
    to endpoint: Endpoint, expected: NodeID?, channel: Channel, milliseconds: UInt64
  ) {
    let target = self.host(at: endpoint)
    let flight = Flight(
      number: number, from: host.number, fromLife: host.life, sender: process.own,
      to: target?.number ?? host.number, toLife: target?.life ?? 0, peer: target?.process?.own,
      channel: channel, bytes: bytes)
    events.add(.expired(flight), at: now + milliseconds * Duration64.millisecond)
    guard let target, target !== host, isOpen(host, target), isOpen(target, host) else { return }
    let line = channel == .data ? 0 : 1
    let arrival = network.arrival(
      from: host.number, to: target.number, line: line, now: now, &random)
    guard let peer = target.process else {
      events.add(.broken(flight), at: arrival + backwards(flight))
      return
    }
    if let expected, peer.own.node != expected {
      events.add(.refused(flight), at: arrival + backwards(flight))
      return
    }
    if random.perMille(network.resetPerMille) {
      // The connection breaks: before the request is there, or before the answer is back.
      events.add(
        .broken(flight), at: arrival + random.exponential(mean: 20 * Duration64.millisecond))
      if random.once(in: 2) { return }
    }
    events.add(.request(flight), at: arrival)
  }

  private func isOpen(_ from: Host, _ to: Host) -> Bool {
    !network.isCut(from: from.number, to: to.number)
  }

  private func backwards(_ flight: Flight) -> UInt64 {
    network.delay(from: flight.to, to: flight.from, &random)
  }

  func arrive(_ event: WorldEvent, _ flight: Flight) {
    let target = hosts[flight.to]
    guard isOpen(hosts[flight.from], target) else { return }
    guard let process = target.process, target.life == flight.toLife else {
      events.add(.broken(flight), at: now + backwards(flight))
      return
    }
    if target.isPaused {
      target.backlog.append(event)
      return
    }
    flight.incoming = RequestID(process.nextIncoming)
    process.nextIncoming += 1
    process.incoming.append(flight)
    trace.note(
      now, 2, target.number, Trace.hash(flight.bytes),
      """
      n\(target.number) request from \(name(of: flight.sender)) \(flight.bytes.count) bytes \
      \(Self.kind(flight.bytes)) as \(flight.incoming.rawValue)
      """
    )
    step(target, process, .request(flight.incoming, from: flight.sender, bytes: flight.bytes))
  }

  func respond(_ number: RequestID, _ bytes: [UInt8], from host: Host, _ process: Process) {
    guard let index = process.incoming.firstIndex(where: { $0.incoming == number }) else {
      fail(
        .nodeGoesOn, "n\(host.number) answers request \(number.rawValue), which nobody waits for")
      return
    }
    let flight = process.incoming.remove(at: index)
    guard isOpen(host, hosts[flight.from]), !flight.isOver else { return }
    let line = flight.channel == .data ? 2 : 3
    let arrival = network.arrival(
      from: flight.to, to: flight.from, line: line, now: now, &random)
    events.add(.response(flight, bytes), at: arrival)
  }

  func receive(_ bytes: [UInt8], for flight: Flight, at host: Host, _ process: Process) {
    guard !flight.isOver, isOpen(hosts[flight.to], host) else { return }
    flight.isOver = true
    trace.note(
      now, 3, host.number, Trace.hash(bytes),
      """
      n\(host.number) response to \(flight.number.rawValue) from n\(flight.to) \
      \(bytes.count) bytes \(Self.kind(bytes))
      """
    )
    guard let peer = flight.peer else { return }
    step(host, process, .response(flight.number, from: peer, bytes: bytes))
  }

  /// A process that ended: who waits for its answers learns it, sooner or later.
  func breakFlights(of process: Process) {
    for flight in process.incoming where random.once(in: 2) {
      events.add(.broken(flight), at: now + backwards(flight))
    }
  }

  static func kind(_ bytes: [UInt8]) -> String {
    bytes.prefix(3).map { String($0) }.joined(separator: ".")
  }

  func name(of own: Incarnated) -> String {
    let number = hosts.first { $0.node == own.node }?.number
    return "n\(number.map { String($0) } ?? "?").\(own.boot)"
  }
}
