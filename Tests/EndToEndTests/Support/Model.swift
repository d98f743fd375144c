/// What a table should hold: the contract's rules for one record, in the plainest form.
struct Model {
  struct Entry {
    var value: ByteText
    var version: Int64
    var owner: String
  }

  /// Live records by key.
  private(set) var entries: [String: Entry] = [:]
  /// The last version of keys that are gone: a new record continues from there or higher.
  private(set) var last: [String: Int64] = [:]

  enum Change {
    case put(ByteText)
    case patch(ByteText)
    case delete
  }

  /// The status that `user`'s change must be answered with; applies it where it is accepted.
  mutating func apply(_ change: Change, to key: String, by user: String) throws -> Int {
    let entry = entries[key]
    if let entry, entry.owner != user { return 401 }
    switch change {
    case .put(let value):
      let version = (entry?.version ?? last[key] ?? 0) + 1
      entries[key] = Entry(value: value, version: version, owner: user)
      return 201
    case .patch(let patch):
      guard var entry else { return 404 }
      guard entry.value.bytes.first == UInt8(ascii: "{") else { return 409 }
      entry.value = try Self.merge(patch, into: entry.value)
      entry.version += 1
      entries[key] = entry
      return 200
    case .delete:
      guard let entry else { return 404 }
      last[key] = entry.version
      entries[key] = nil
      return 200
    }
  }

  /// Takes the version that the node gave to a new record of a key that had been deleted.
  mutating func settle(_ key: String, version: Int64) { entries[key]?.version = version }

  /// Members of `patch` replace those of `value` in place, new ones follow in their order.
  private static func merge(_ patch: ByteText, into value: ByteText) throws -> ByteText {
    var members = try JSONText.members(of: value)
    for (name, raw) in try JSONText.members(of: patch) {
      if let index = members.firstIndex(where: { $0.name == name }) {
        members[index].raw = raw
      } else {
        members.append((name, raw))
      }
    }
    let text = members.map { "\"" + $0.name + "\":" + $0.raw }
    return "{" + (text.dropFirst().reduce(text.first ?? "") { $0 + "," + $1 }) + "}"
  }

  /// Whether two values are the same but for white space and the order of members.
  static func same(_ left: ByteText, _ right: ByteText) -> Bool {
    if left == right { return true }
    guard let ours = try? JSONText.members(of: left),
      let theirs = try? JSONText.members(of: right), ours.count == theirs.count
    else { return false }
    let sorted = { (list: [(name: ByteText, raw: ByteText)]) in
      list.map { $0.name + ":" + $0.raw }.sorted()
    }
    return sorted(ours) == sorted(theirs)
  }
}
