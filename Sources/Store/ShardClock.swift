/// Placeholder of the floor's next change: which writes a shard has seen.
public struct ShardClock: Equatable, Sendable {
  public init() {}
}
