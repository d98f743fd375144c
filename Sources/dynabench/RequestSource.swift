import Bytes

/// Where the requests of a run come from.
///
/// A request is known by a number of the source's choice, by which it can be made again.
protocol RequestSource: ~Copyable {
  /// Whether a request whose connection ended before its answer is sent once more.
  var repeatsLost: Bool { get }

  /// The next request; nil where all were taken.
  mutating func next() -> Int?

  /// Appends the bytes of a request.
  mutating func append(_ tag: Int, to output: inout ByteBuffer)

  /// The request as a person knows it.
  func name(of tag: Int) -> String
}

/// Endless reads of random keys.
struct RandomReads: RequestSource, ~Copyable {
  var repeatsLost: Bool { false }

  private let text: RequestText
  private let keys: UInt64
  private var random: SeededRandom
  private var key = ByteBuffer()

  init(_ text: consuming RequestText, keys: Int, seed: UInt64) {
    self.text = text
    self.keys = UInt64(keys)
    random = SeededRandom(seed: seed)
  }

  mutating func next() -> Int? { Int(random.next(below: keys)) }

  mutating func append(_ tag: Int, to output: inout ByteBuffer) {
    key.clear()
    KeyName.append(UInt8(ascii: "k"), tag, to: &key)
    text.appendRead(key.span, to: &output)
  }

  func name(of tag: Int) -> String { "key \(KeyName.text(UInt8(ascii: "k"), tag))" }
}

/// Writes of generated values: endless and of random keys, or of each key once.
struct SampleWrites: RequestSource, ~Copyable {
  /// Whoever wants each key once wants it also where a connection ended; a measurement counts that.
  var repeatsLost: Bool { random == nil }

  private let text: RequestText
  private let keys: Int
  private let valueBytes: Int
  /// Nil: each key once.
  private var random: SeededRandom?
  private var taken = 0
  private var key = ByteBuffer()
  private var value = ByteBuffer()

  init(_ text: consuming RequestText, keys: Int, valueBytes: Int, seed: UInt64?) {
    self.text = text
    self.keys = keys
    self.valueBytes = valueBytes
    random = seed.map { SeededRandom(seed: $0) }
  }

  mutating func next() -> Int? {
    if random != nil { return Int(random!.next(below: UInt64(keys))) }
    guard taken < keys else { return nil }
    taken += 1
    return taken - 1
  }

  mutating func append(_ tag: Int, to output: inout ByteBuffer) {
    key.clear()
    value.clear()
    KeyName.append(UInt8(ascii: "k"), tag, to: &key)
    SampleValue.append(UInt8(ascii: "k"), tag, count: valueBytes, to: &value)
    text.appendWrite(key.span, value: value.span, to: &output)
  }

  func name(of tag: Int) -> String { "key \(KeyName.text(UInt8(ascii: "k"), tag))" }
}
