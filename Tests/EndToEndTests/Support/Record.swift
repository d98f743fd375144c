/// A record as the contract shows it: four members and no other.
struct Record: Hashable, Sendable {
  /// The value, byte for byte.
  var value: ByteText
  var version: Int64
  var timestamp: Int64
  var owner: ByteText

  init(_ text: ByteText) throws {
    let members = try JSONText.members(of: text)
    guard members.map(\.name) == ["value", "version", "timestamp", "owner"] else {
      throw Trouble("not a record: \(text)")
    }
    guard let version = Int64(members[1].raw.string), let time = Int64(members[2].raw.string) else {
      throw Trouble("version or timestamp is no integer: \(text)")
    }
    value = members[0].raw
    self.version = version
    timestamp = time
    owner = try JSONText.string(members[3].raw)
  }
}
