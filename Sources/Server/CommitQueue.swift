// Which connections wait for which log position, in the order in which they began to wait.

/// A first-in-first-out queue of (log position, connection).
///
/// Positions are handed out in order, and a loop parks a connection in the turn that appended, so
/// positions nearly ascend; one that does not only waits for those before it, which is right for
/// the answers too.
struct CommitQueue {
  private struct Waiting {
    let lsn: UInt64
    let token: UInt64
  }

  private var waiting: [Waiting] = []
  private var first = 0

  /// Entries taken that still have their place: moving the rest down costs as much as it frees.
  private static let takenMax = 1024

  var isEmpty: Bool { first == waiting.count }

  /// Places held, taken ones included.
  var placeCount: Int { waiting.count }

  mutating func park(_ token: UInt64, until lsn: UInt64) {
    waiting.append(Waiting(lsn: lsn, token: token))
  }

  /// Takes the next connection whose position is committed; nil where there is none.
  mutating func next(committed: UInt64) -> UInt64? {
    guard first < waiting.count, waiting[first].lsn <= committed else { return nil }
    let token = waiting[first].token
    first += 1
    // Under load somebody waits at any time: what was taken must not pile up until nobody does.
    if first == waiting.count || first >= Self.takenMax && first * 2 >= waiting.count {
      waiting.removeSubrange(..<first)
      first = 0
    }
    return token
  }
}
