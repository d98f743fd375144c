/// What a node believes of a member. The raw values are those of the wire.
///
/// The cases stand in their order of precedence: of two claims about the same boot and incarnation
/// the later case holds (SWIM §4.2). `removed` holds against everything, for ever.
public enum MemberState: UInt8, Sendable, Comparable {
  /// A member that nothing has been heard of: read from the saved list, or told of as down. It is
  /// dialled until it answers.
  case unheard = 0
  case alive = 1
  /// It did not answer; unless it refutes in time, it is down.
  case suspect = 2
  /// It said itself that it is about to stop.
  case leaving = 3
  case down = 4
  /// An operator took it out of the cluster. Its number never comes back.
  case removed = 5

  /// Whether sessions with it and pushes to it go on.
  public var isReachable: Bool { self == .alive || self == .suspect || self == .leaving }

  public static func < (left: MemberState, right: MemberState) -> Bool {
    left.rawValue < right.rawValue
  }
}
