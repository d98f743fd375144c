import Platform

/// What a run needs of the system before it can begin.
enum Descriptors {
  /// Standard streams, the poller and whatever the shell left open.
  private static let others = 16

  /// Raises the limit of open descriptors as far as it goes; throws where that is not enough.
  static func allow(_ connections: Int) throws(Mistake) {
    let limit = Machine.raiseDescriptorLimit().soft
    guard connections + others <= Int(clamping: limit) else {
      throw Mistake(
        "\(connections) connections are more than the limit of \(limit) open files (ulimit -n)")
    }
  }

  static func poller() throws(Mistake) -> Poller {
    do throws(SystemError) {
      return try Poller()
    } catch {
      throw Mistake("\(error)")
    }
  }
}
