// Writes that come while the node still receives what its cluster holds.

import Bytes
import HTTP
import Platform

/// A write that waits for the node to be ready. To refuse it at once would turn every start of a
/// node into errors; to accept it could take a record, that is on its way here, from its owner.
final class ParkedRequest {
  let request: Request
  let head: [UInt8]
  let body: [UInt8]
  let deadline: Instant

  init(request: Request, head: [UInt8], body: [UInt8], deadline: Instant) {
    self.request = request
    self.head = head
    self.body = body
    self.deadline = deadline
  }
}

extension DataLoop {
  /// Whether the request changes something: reads are answered with what there is.
  func mustWait(_ slot: Int, _ request: Request, _ head: Span<UInt8>) -> Bool {
    guard parked.count < Limits.parkedRequestsMax else { return false }
    switch request.method {
    case .get, .head, .options, .other: return false
    case .put, .patch: return true
    case .delete:
      // Who belongs to the cluster is not among what is on its way.
      let path = head.extracting(request.path.range)
      let members: StaticString = "/admin/members/"
      return path.count < 15 || !path.extracting(0..<15).equals(members)
    case .post:
      let path = head.extracting(request.path.range)
      return path.count > 6 && path.extracting(0..<6).equals("/auth/")
    }
  }

  mutating func park(
    _ slot: Int, _ request: Request, _ head: Span<UInt8>, _ body: Span<UInt8>
  ) {
    connections[slot].parked = ParkedRequest(
      request: request, head: [UInt8](copying: head), body: [UInt8](copying: body),
      deadline: now.advanced(byMilliseconds: Limits.parkedMilliseconds))
    connections[slot].phase = .waiting
    connections[slot].awaitsThread = true
    deadlines.clear(slot)
    parked.append(token(slot))
  }

  /// Answers the requests that waited, when the node is ready or their time is up.
  mutating func settleParked() {
    guard !parked.isEmpty else { return }
    let isReady = node.cluster?.isReady ?? true
    let current = SystemClock.monotonic()
    let waiting = parked
    parked.removeAll(keepingCapacity: true)
    for token in waiting {
      guard let slot = slot(of: token), let request = connections[slot].parked else { continue }
      guard isReady || request.deadline <= current else {
        parked.append(token)
        continue
      }
      connections[slot].parked = nil
      connections[slot].awaitsThread = false
      let (head, body) = (request.head, request.body)
      let wasHeld = connections[slot].phase == .held
      answer(slot, request.request, head: head.span, body: body.span)
      guard connections.contains(slot) else { continue }
      if wasHeld { connections[slot].phase = .held }
      // A login waits on, for the hashing thread.
      if !connections[slot].awaitsThread { resume(slot) }
    }
  }
}
