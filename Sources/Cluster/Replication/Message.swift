import Bytes

/// The frame of every message between nodes; docs/formats/wire.md has what follows it.
///
/// A request begins with family, version and kind; its answer with the same three and a status.
enum Message {
  static let family: UInt8 = 2
  static let version: UInt8 = 1
  static let headBytes = 3

  enum Kind: UInt8 {
    /// Writes of the sender.
    case push = 1
    /// What the sender has seen, as one number.
    case clocks = 2
    /// What the sender has seen, as a number each shard; the answer has the clocks that differ.
    case differences = 3
    /// Records that the sender has not seen.
    case pull = 4
    /// The content of shards, as a number each.
    case verify = 5
  }

  enum Status: UInt8 {
    case done = 0
    /// Not now: no room, nothing durable to tell yet, or too much under way.
    case notNow = 1
    /// The request cannot be read.
    case malformed = 2
  }

  static func request(_ kind: Kind, capacity: Int = 64) -> ByteBuffer {
    var buffer = ByteBuffer(capacity: headBytes + capacity)
    buffer.appendUInt8(family)
    buffer.appendUInt8(version)
    buffer.appendUInt8(kind.rawValue)
    return buffer
  }

  static func answer(_ kind: Kind, _ status: Status = .done, capacity: Int = 64) -> ByteBuffer {
    var buffer = request(kind, capacity: capacity + 1)
    buffer.appendUInt8(status.rawValue)
    return buffer
  }

  /// The kind of a request of this family and version; what follows the head is left to read.
  static func kind(reading reader: inout ByteReader) -> Kind? {
    guard reader.readUInt8() == family, reader.readUInt8() == version,
      let code = reader.readUInt8()
    else { return nil }
    return Kind(rawValue: code)
  }

  /// Whether an answer is one to a request of this kind that was carried out.
  static func isDone(_ kind: Kind, reading reader: inout ByteReader) -> Bool {
    Self.kind(reading: &reader) == kind && reader.readUInt8() == Status.done.rawValue
  }
}
