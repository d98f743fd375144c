import Bytes
import Durability

/// All that a `SimulatedDisk` knows: files by number, names as they read and as they are on the
/// platter, and the faults to come.
struct SimulatedState: Sendable {
  struct Name: Sendable {
    var name: String
    var file: Int
  }

  /// A change of names that no `syncDirectory` has followed yet.
  enum NameChange: Sendable {
    case set(String, file: Int)
    case move(String, to: String, file: Int)
    case clear(String)
  }

  var random: SeededRandom
  var capacity: Int
  var files: [SimulatedContent] = []
  /// Sorted by name.
  var names: [Name] = []
  var durableNames: [Name] = []
  var changes: [NameChange] = []

  var steps = 0
  var syncs = 0
  var crashStep: Int?
  var failingSync: Int?
  var hasDescriptors = true
  var hasCrashed = false

  init(seed: UInt64, capacity: Int) {
    random = SeededRandom(seed: seed)
    self.capacity = capacity
  }

  var usedBytes: Int {
    var pages = 0
    for name in names { pages += files[name.file].pages }
    return pages * SimulatedContent.pageBytes
  }

  // MARK: Steps

  /// Refuses every call once the machine has stopped.
  func admit(_ call: StaticString, _ name: String) throws(DiskError) {
    if hasCrashed { throw DiskError(call: call, name: name, code: DiskError.inputOutput) }
  }

  /// Counts a step, and stops the machine where it is the one that was asked for.
  private mutating func step(_ call: StaticString, _ name: String) throws(DiskError) {
    steps += 1
    if steps == crashStep { hasCrashed = true }
    try admit(call, name)
  }

  // MARK: Names

  func open(_ name: String) throws(DiskError) -> Int {
    try admit("open", name)
    try spendDescriptor("open", name)
    return try find(name, "open")
  }

  private func spendDescriptor(_ call: StaticString, _ name: String) throws(DiskError) {
    if !hasDescriptors { throw DiskError(call: call, name: name, code: DiskError.tooManyFiles) }
  }

  func find(_ name: String, _ call: StaticString) throws(DiskError) -> Int {
    guard let entry = names.first(where: { $0.name == name }) else {
      throw DiskError(call: call, name: name, code: DiskError.noEntry)
    }
    return entry.file
  }

  mutating func create(_ name: String) throws(DiskError) -> Int {
    try admit("create", name)
    try spendDescriptor("create", name)
    if names.contains(where: { $0.name == name }) {
      throw DiskError(call: "create", name: name, code: DiskError.exists)
    }
    files.append(SimulatedContent())
    note(.set(name, file: files.count - 1))
    try step("create", name)
    return files.count - 1
  }

  mutating func rename(_ name: String, to new: String) throws(DiskError) {
    try admit("rename", name)
    note(.move(name, to: new, file: try find(name, "rename")))
    try step("rename", name)
  }

  mutating func remove(_ name: String) throws(DiskError) {
    try admit("remove", name)
    _ = try find(name, "remove")
    note(.clear(name))
    try step("remove", name)
  }

  mutating func syncDirectory() throws(DiskError) {
    try admit("syncDirectory", "")
    try step("syncDirectory", "")
    durableNames = names
    changes.removeAll()
  }

  private mutating func note(_ change: NameChange) {
    changes.append(change)
    Self.apply(change, to: &names)
  }

  private static func apply(_ change: NameChange, to names: inout [Name]) {
    switch change {
    case .set(let name, let file):
      names.removeAll { $0.name == name }
      let index = names.firstIndex { !$0.name.utf8.lexicographicallyPrecedes(name.utf8) }
      names.insert(Name(name: name, file: file), at: index ?? names.count)
    case .move(let name, let new, let file):
      names.removeAll { $0.name == name }
      apply(.set(new, file: file), to: &names)
    case .clear(let name):
      names.removeAll { $0.name == name }
    }
  }

  // MARK: Content

  mutating func write(
    _ bytes: [UInt8], at offset: Int, file: Int, name: String
  ) throws(DiskError) {
    try admit("write", name)
    let more = SimulatedContent.pages(of: offset + bytes.count) - files[file].pages
    if more > 0, usedBytes + more * SimulatedContent.pageBytes > capacity {
      throw DiskError(call: "write", name: name, code: DiskError.noSpace)
    }
    files[file].write(bytes, at: offset)
    try step("write", name)
  }

  mutating func truncate(to size: Int, file: Int, name: String) throws(DiskError) {
    try admit("truncate", name)
    files[file].truncate(to: size)
    try step("truncate", name)
  }

  mutating func sync(file: Int, name: String) throws(DiskError) {
    try admit("sync", name)
    try step("sync", name)
    syncs += 1
    if syncs == failingSync {
      files[file].forget()
      throw DiskError(call: "sync", name: name, code: DiskError.inputOutput)
    }
    files[file].sync()
  }

  // MARK: Crash

  /// The state that the next start finds after power failed. Each call draws anew.
  mutating func survivors() -> SimulatedState {
    let luck: SimulatedLuck =
      switch random.next(below: 8) {
      case 0: .nothing
      case 1: .everything
      default: .some
      }
    var kept = durableNames
    // A journal keeps a first part of the changes; other file systems keep any part.
    let isOrdered = random.next(below: 2) == 0
    let prefix = random.next(below: UInt64(changes.count) + 1)
    for (index, change) in changes.enumerated() {
      let survives =
        switch luck {
        case .nothing: false
        case .everything: true
        case .some: isOrdered ? index < prefix : random.next(below: 2) == 0
        }
      if survives { Self.apply(change, to: &kept) }
    }
    var next = SimulatedState(seed: random.next(), capacity: capacity)
    for name in kept {
      next.names.append(Name(name: name.name, file: next.files.count))
      next.files.append(files[name.file].survivor(luck, &random))
    }
    next.durableNames = next.names
    return next
  }
}
