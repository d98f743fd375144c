/// What may go wrong in a world. Each seed leaves about half of it out.
public enum Fault: UInt8, CaseIterable, Sendable {
  /// Power fails at a machine: what was not synced is partly lost.
  case crash
  /// A process is killed; its machine goes on.
  case kill
  /// A process stands still for up to 30 s, as by SIGSTOP.
  case pause
  /// A node says goodbye, ends, and comes back later.
  case leave
  /// A machine starts again under another address.
  case move
  /// A new node joins.
  case join
  /// One node is cut off from all others.
  case isolate
  /// The nodes fall into two halves.
  case split
  /// What one node sends to another is lost, and not the other way round.
  case oneWay
  /// Two halves that both reach one node in the middle.
  case bridge
  /// What one node sends to another takes seconds.
  case clog
  /// Datagrams between two nodes are lost, sessions work.
  case datagrams
  /// Datagrams are lost now and then.
  case loss
  /// Datagrams come twice.
  case duplication
  /// Connections break in the middle of a request.
  case reset
  /// A sync of the log fails.
  case failedSync
  /// Power fails in the middle of what a disk does.
  case tornStep
  /// A disk is full for a while.
  case fullDisk
  /// A disk takes its time.
  case slowDisk
  /// A wall clock jumps.
  case jump
  /// Wall clocks are apart from the start.
  case skew
  /// Clocks run up to 1 % too fast or too slow.
  case drift
  /// A machine dies for good and an operator removes its node; perhaps it comes back after that, or
  /// another node begins in its place.
  case die
  /// An operator removes a member that lives.
  case remove
  /// All machines stop, and come back one by one at other addresses, as containers do; they know each
  /// other by names, which lead to where the machine is now.
  case moveAll

  /// Those that happen at moments, rather than all the time.
  static let momentary: [Fault] = [
    .crash, .kill, .pause, .leave, .move, .join, .isolate, .split, .oneWay, .bridge, .clog,
    .datagrams, .failedSync, .tornStep, .fullDisk, .slowDisk, .jump,
    .die, .remove, .moveAll,
  ]

  /// Drawn after everything else, so that they do not shift it.
  static let late: [Fault] = [.die, .remove, .moveAll]
}

/// Some kinds of faults.
public struct FaultSet: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public init(_ faults: Fault...) {
    rawValue = faults.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
  }

  public static let all = FaultSet(rawValue: (1 << UInt32(Fault.allCases.count)) - 1)

  public func has(_ fault: Fault) -> Bool { rawValue & 1 << UInt32(fault.rawValue) != 0 }

  mutating func insert(_ fault: Fault) { formUnion(FaultSet(fault)) }
}
