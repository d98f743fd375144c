/// What became of the messages of a run.
struct StreamResult {
  /// Messages whose change the node has acknowledged.
  var published = 0
  /// Pairs of a message and a stream that should see it.
  var expected = 0
  /// Pairs that came about.
  var delivered = 0
  /// Messages that a stream saw again, or behind a later one.
  var repeated = 0
  /// Streams that ended before the run.
  var ended = 0
  var latencies = Histogram()
  /// From sending a change to its answer.
  var acknowledgements = Histogram()
  /// The longest that this program sent a change behind its time.
  var longestDelay: UInt64 = 0
  /// From the first change to the last event.
  var elapsedNanoseconds: UInt64 = 0
  /// Why the run ended early.
  var failure: String?

  var missed: Int { max(0, expected - delivered) }
  var isGood: Bool { failure == nil && missed == 0 && repeated == 0 && ended == 0 }
}

/// What is published to whom.
struct StreamPlan {
  let subscribers: Int
  /// Keys over which streams and messages are spread in turn.
  let spread: Int
  let messages: Int
  /// Messages a second.
  let rate: Int
  /// Values are padded to so many bytes; 0 for none.
  let valueBytes: Int

  /// Streams that watch a key.
  func subscribers(of key: Int) -> Int {
    subscribers / spread + (key < subscribers % spread ? 1 : 0)
  }
}
