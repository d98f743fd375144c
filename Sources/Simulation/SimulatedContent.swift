import Bytes

/// The bytes of one simulated file: as they read now, as they are on the platter, and every state
/// in between that the kernel may have written back on its own.
struct SimulatedContent: Sendable {
  static let pageBytes = 4096
  static let sectorBytes = 512

  /// What reads return.
  private(set) var content: [UInt8] = []
  private var durable: [UInt8] = []
  /// Contents of pages since the last sync, oldest first.
  private var written: [PageVersion] = []
  /// Lengths since the last sync, oldest first.
  private var lengths: [Int] = []

  struct PageVersion: Sendable {
    let page: Int
    let bytes: [UInt8]
  }

  init() {}

  /// A file that is on the platter as it reads.
  init(durable bytes: [UInt8]) {
    content = bytes
    durable = bytes
  }

  var pages: Int { Self.pages(of: content.count) }

  static func pages(of bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes }

  mutating func write(_ bytes: [UInt8], at offset: Int) {
    guard !bytes.isEmpty else { return }
    let end = offset + bytes.count
    if content.count < end {
      content.append(contentsOf: repeatElement(0, count: end - content.count))
      lengths.append(end)
    }
    content.replaceSubrange(offset..<end, with: bytes)
    for page in offset / Self.pageBytes...(end - 1) / Self.pageBytes {
      written.append(PageVersion(page: page, bytes: Array(content[range(of: page, in: content)])))
    }
  }

  mutating func truncate(to size: Int) {
    if size < content.count {
      content.removeSubrange(size...)
    } else {
      content.append(contentsOf: repeatElement(0, count: size - content.count))
    }
    lengths.append(size)
  }

  mutating func sync() {
    durable = content
    forget()
  }

  /// A failed sync: the pages count as clean, though they never reached the platter.
  mutating func forget() {
    written.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
  }

  mutating func rot(at offset: Int, with bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() where offset + index < content.count {
      content[offset + index] = byte
      if offset + index < durable.count { durable[offset + index] = byte }
    }
  }

  /// What a crash leaves: from nothing to all of what was not synced, as `luck` has it.
  func survivor(_ luck: SimulatedLuck, _ random: inout SeededRandom) -> SimulatedContent {
    var result = durable
    var length = durable.count
    switch luck {
    case .nothing: break
    case .everything:
      for version in written { Self.place(version.bytes, page: version.page, in: &result) }
      if let last = lengths.last { length = last }
    case .some:
      let last = written.last?.page
      for page in 0...(written.map { $0.page }.max() ?? 0) {
        let versions = written.filter { $0.page == page }
        let choice = Int(random.next(below: UInt64(versions.count) + 1))
        guard choice > 0 else { continue }
        var bytes = versions[choice - 1].bytes
        if random.next(below: 4) == 0 {
          tear(&bytes, page: page, within: page == last, over: result, &random)
        }
        Self.place(bytes, page: page, in: &result)
      }
      let choice = Int(random.next(below: UInt64(lengths.count) + 1))
      if choice > 0 { length = lengths[choice - 1] }
    }
    if result.count > length { result.removeSubrange(length...) }
    if result.count < length {
      result.append(contentsOf: repeatElement(0, count: length - result.count))
    }
    return SimulatedContent(durable: result)
  }

  /// Leaves the old bytes behind a random sector, or behind any byte where `within` is set.
  private func tear(
    _ bytes: inout [UInt8], page: Int, within: Bool, over old: [UInt8],
    _ random: inout SeededRandom
  ) {
    var cut = Int(random.next(below: UInt64(bytes.count)))
    if !within || random.next(below: 2) == 0 { cut -= cut % Self.sectorBytes }
    let start = page * Self.pageBytes
    for index in cut..<bytes.count {
      bytes[index] = start + index < old.count ? old[start + index] : 0
    }
  }

  private static func place(_ bytes: [UInt8], page: Int, in result: inout [UInt8]) {
    let start = page * pageBytes
    if result.count < start + bytes.count {
      result.append(contentsOf: repeatElement(0, count: start + bytes.count - result.count))
    }
    result.replaceSubrange(start..<start + bytes.count, with: bytes)
  }

  private func range(of page: Int, in bytes: [UInt8]) -> Range<Int> {
    page * Self.pageBytes..<min(bytes.count, (page + 1) * Self.pageBytes)
  }
}

/// How much of what was not synced a crash leaves behind.
enum SimulatedLuck: Sendable {
  case nothing, everything, some
}
