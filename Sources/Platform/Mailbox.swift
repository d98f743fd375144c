/// What many threads leave for one.
///
/// The receiver is rung when the box was empty, and takes everything at once.
public final class Mailbox<Element: Sendable>: Sendable {
  @usableFromInline let waiting = Locked<[Element]>([])
  @usableFromInline let wakeup: Wakeup

  /// `wakeup` is the receiver's; several boxes may share it.
  public init(wakeup: Wakeup) { self.wakeup = wakeup }

  /// Leaves an element, and rings the receiver if the box was empty.
  @inlinable public func post(_ element: Element) {
    let wasEmpty = waiting.withLock { box in
      box.append(element)
      return box.count == 1
    }
    if wasEmpty { wakeup.wake() }
  }

  /// Replaces `elements` by what was left, in the order of arrival. Its memory becomes the box's,
  /// so that a receiver that passes the same array each time allocates nothing.
  ///
  /// Drain the wakeup first: what is left afterwards rings again.
  @inlinable public func take(into elements: inout [Element]) {
    elements.removeAll(keepingCapacity: true)
    waiting.withLock { swap(&$0, &elements) }
  }
}
