// What the node of the protocol wants done, done.

import Bytes
import Cluster
import Durability
import Platform

extension ClusterLoop {
  /// The file in the data directory that holds the members.
  static var membersFile: String { "members.bin" }

  /// Carries the effects out, in their order.
  mutating func carryOut() {
    guard !effects.isEmpty else { return }
    var due: [Effect] = []
    swap(&due, &effects)
    for effect in due { carryOut(effect) }
    // None of the arms above steps the node, so nothing was added meanwhile.
    due.removeAll(keepingCapacity: true)
    swap(&due, &effects)
  }

  private mutating func carryOut(_ effect: Effect) {
    switch effect {
    case .sendPacket(let endpoint, let bytes): sendPacket(bytes, to: endpoint)
    case .request(let id, let endpoint, let expected, let channel, let bytes, let milliseconds):
      links.send(
        OutgoingRequest(
          id: id, expected: expected, bytes: bytes,
          deadline: now.advanced(byMilliseconds: milliseconds)),
        to: endpoint, channel: channel, now: now, poller)
    case .respond(let id, let bytes): respond(id, bytes)
    case .saveMembers(let bytes): saveMembers(bytes)
    case .statusChanged: isStatusNew = true
    case .acknowledged(let peer, let after, let through):
      gate.acknowledgements.acknowledge(by: peer.rawValue, after: after, through: through)
      for gate in gates { gate.wakeIfWaitingForPeers() }
    case .superseded(let position):
      gate.acknowledgements.supersede(position)
      for gate in gates { gate.wakeIfWaitingForPeers() }
    case .becameReady: isStatusNew = true
    case .log(let severity, let text): note(severity, text)
    case .stop(let reason):
      logger.error("the node stops", LogField("reason", reason))
      stop.request(node.wasRemoved ? .removed : .cannotStart)
    }
  }

  private func note(_ severity: LogSeverity, _ text: String) {
    switch severity {
    case .info: logger.info("cluster", LogField("event", text))
    case .warn: logger.warn("cluster", LogField("event", text))
    case .error: logger.error("cluster", LogField("event", text))
    }
  }

  private mutating func sendPacket(_ bytes: [UInt8], to endpoint: Endpoint) {
    let host = endpoint.hostText
    if let literal = InternetAddress(literal: host) {
      return gossip.send(bytes, to: literal, port: endpoint.port)
    }
    // A name that is not known yet loses its packet, as the network may lose any.
    guard let address = addresses[host]?.first else { return resolver.ask(host) }
    gossip.send(bytes, to: address, port: endpoint.port)
  }

  /// Nothing that follows may be told before the list is durable. Where the disk has no room the
  /// loop waits: to the others the node looks dead, which is better than a member that forgets.
  private func saveMembers(_ bytes: [UInt8]) {
    var hasComplained = false
    let pause = Waiter()
    while true {
      do throws(DiskError) {
        return try AtomicFile.replace(disk, Self.membersFile, bytes.span)
      } catch {
        guard error.isOutOfSpace, !stop.isRequested else {
          logger.error("the members cannot be saved, the node stops", LogField("error", "\(error)"))
          Machine.exit(.diskFailed)
        }
        if !hasComplained {
          logger.error("disk full: the node waits for room to save who the members are")
        }
        hasComplained = true
        _ = pause.wait(milliseconds: 200)
      }
    }
  }

  // MARK: Requests of operators

  /// Takes a member out, where that can be. What is answered is durable by then.
  mutating func remove(_ removal: MemberRemoval) {
    let outcome = node.removeMember(
      removal.name, evenReachable: removal.isForced, now: now, random: &random, effects: &effects)
    carryOut()
    gate.answered()
    gates[removal.loop].mailbox.post(
      .removalDone(
        MemberRemovalAnswer(token: removal.token, style: removal.style, outcome: outcome)))
  }

  // MARK: Requests of peers

  /// Takes a request that a data loop handed over.
  mutating func answer(_ request: InternalRequest) {
    switch request.route {
    case .hello: greet(request)
    case .auth: prove(request)
    case .data: open(request, .data)
    case .control: open(request, .control)
    }
  }

  private mutating func greet(_ request: InternalRequest) {
    do throws(SessionError) {
      let answer = try sessions.greet(request.body.span, now: now)
      reply(request, 200, answer)
    } catch {
      refuse(request, error)
    }
  }

  private mutating func prove(_ request: InternalRequest) {
    let members = node.status.members
    do throws(SessionError) {
      _ = try sessions.prove(request.body.span, now: now) { node in
        members.first { $0.id == node }?.boot ?? 0
      }
      reply(request, 200, [])
    } catch {
      refuse(request, error)
    }
  }

  private mutating func open(_ request: InternalRequest, _ channel: Channel) {
    guard let mark = SessionMark(parsing: request.mark.span) else {
      return refuse(request, .malformed)
    }
    var bytes = ByteBuffer()
    do throws(SessionError) {
      let peer = try sessions.openRequest(
        request.body.span, mark: mark, channel: channel, now: now, into: &bytes)
      let number = nextIncoming
      nextIncoming += 1
      incoming[number] = Incoming(
        loop: request.loop, token: request.token, style: request.style, mark: mark,
        channel: channel)
      step(.request(RequestID(number), from: peer, bytes: bytes.copied()))
    } catch {
      refuse(request, error)
    }
  }

  private mutating func respond(_ id: RequestID, _ bytes: [UInt8]) {
    guard let request = incoming.removeValue(forKey: id.rawValue) else { return }
    var sealed = ByteBuffer()
    let isSealed = sessions.sealResponse(
      bytes.span, mark: request.mark, channel: request.channel, into: &sealed)
    post(
      InternalAnswer(
        token: request.token, style: request.style, status: isSealed ? 200 : 401,
        body: isSealed ? sealed.copied() : []), to: request.loop)
  }

  /// Says why only where the one who asks could do something about it and learns nothing by it.
  private mutating func refuse(_ request: InternalRequest, _ error: SessionError) {
    refusedRequests += 1
    if complainedAt.advanced(bySeconds: 10) <= now {
      complainedAt = now
      logger.warn("refused a node's request", LogField("reason", "\(error)"))
    }
    switch error {
    case .malformed: reply(request, 400, [])
    default: reply(request, 401, error.refusal)
    }
  }

  private func reply(_ request: InternalRequest, _ status: UInt16, _ body: [UInt8]) {
    post(
      InternalAnswer(token: request.token, style: request.style, status: status, body: body),
      to: request.loop)
  }

  private func post(_ answer: InternalAnswer, to loop: Int) {
    gate.answered()
    gates[loop].mailbox.post(.internalAnswer(answer))
  }
}
