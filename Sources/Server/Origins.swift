// Who issued a stamp: nodes and their starts, under small numbers.

import Platform
import Store

/// One start of one node. Every start is an origin of its own, so that a node that lost the tail of
/// its log never issues a stamp twice.
struct Origin: Hashable, Sendable {
  let node: UInt64
  let boot: UInt32
}

/// The origins that this process has seen, interned. Few: one for each start of each node.
final class Origins: Sendable {
  let own: Origin
  let ownID = OriginID(rawValue: 0)
  private let known: Locked<[Origin]>

  init(own: Origin) {
    self.own = own
    known = Locked([own])
  }

  func intern(_ origin: Origin) -> OriginID {
    known.withLock { known in
      // From the back: recovery asks for the same one again and again.
      if let index = known.lastIndex(of: origin) { return OriginID(rawValue: UInt32(index)) }
      known.append(origin)
      return OriginID(rawValue: UInt32(known.count - 1))
    }
  }

  subscript(id: OriginID) -> Origin { known.withLock { $0[Int(id.rawValue)] } }

  /// The order of stamps with equal times: by node, then by boot.
  func isBefore(_ left: OriginID, _ right: OriginID) -> Bool {
    let (left, right) = (self[left], self[right])
    return left.node != right.node ? left.node < right.node : left.boot < right.boot
  }
}
