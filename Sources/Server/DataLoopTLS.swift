// What a loop does for connections whose bytes are sealed, beside what it does for all.

import Bytes
import HTTP
import Platform

extension DataLoop {
  /// A handshake takes half a millisecond: beyond this many a turn, others take theirs first.
  private static let handshakesOfTurnMax = 16

  /// Goes on with the handshake of a connection, and tells a client that does not begin one why
  /// it is not served.
  mutating func shakeHands(_ slot: Int) -> Bool {
    if connections[slot].session == nil {
      switch Socket.greeting(connections[slot].descriptor) {
      case .nothing:
        connections[slot].mayRead = false
        return false
      case .closed:
        close(slot)
        return false
      case .plainText:
        connections[slot].phase = .open
        refuse(slot, Refusal(400, "this port speaks HTTPS: repeat the request with https://"))
        return false
      case .handshake: break
      }
    }
    guard handshakesOfTurn < Self.handshakesOfTurnMax else {
      runnable.append(token(slot))
      return false
    }
    handshakesOfTurn += 1
    guard connections[slot].session != nil || beginSession(slot) else { return false }
    switch connections[slot].session!.handshake() {
    case .done:
      connections[slot].phase = .open
      // A request may have come behind the client's last message, in the same packet.
      connections[slot].mayRead =
        connections[slot].session?.mayReadMore == true || connections[slot].endsInput
      deadlines.set(.idle, slot, due: now.advanced(bySeconds: limits.idleSeconds))
      return true
    case .wantsRead, .wantsWrite: return false
    case .closed:
      close(slot)
      return false
    case .failed(let failure):
      node.logger.debug("handshake failed", LogField("reason", "\(failure)"))
      breakOff(slot)
      return false
    }
  }

  private mutating func beginSession(_ slot: Int) -> Bool {
    deadlines.set(.head, slot, due: now.advanced(bySeconds: limits.headSeconds))
    guard let door = node.door else { return false }
    do throws(TLSFailure) {
      connections[slot].session = try TLSSession(
        door.context, accepting: connections[slot].descriptor)
      return true
    } catch {
      node.logger.warn("no TLS session", LogField("reason", "\(error)"))
      close(slot)
      return false
    }
  }

  /// Sends what is sealed and has not left, and at the end of a connection says that it ends; false
  /// where that must wait or the connection is gone.
  mutating func flushSealed(_ slot: Int) -> Bool {
    let result =
      connections[slot].closesAfterOutput
      ? connections[slot].endSealed() : connections[slot].flushSealed()
    switch result {
    case .bytes: return true
    case .wouldBlock: return false
    case .failed:
      close(slot)
      return false
    }
  }

  /// Ends a connection that failed. Where it did not begin or go on as TLS has it, an alert says
  /// why, which a reset would destroy: what still comes is thrown away until the client has read it.
  mutating func breakOff(_ slot: Int) {
    guard connections[slot].session != nil, !connections[slot].isFinished else {
      return close(slot)
    }
    if let body = connections[slot].body {
      bodyBytesInFlight -= body.bytes.count
      connections[slot].body = nil
    }
    connections[slot].session = nil
    linger(slot)
  }
}
