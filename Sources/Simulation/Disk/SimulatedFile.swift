public import Bytes
public import Durability

/// An open file of a `SimulatedDisk`. It stays usable after its name is gone, as on Linux.
public final class SimulatedFile: DiskFile {
  private let disk: SimulatedDisk
  private let number: Int
  private let name: String

  init(disk: SimulatedDisk, number: Int, name: String) {
    self.disk = disk
    self.number = number
    self.name = name
  }

  public func size() throws(DiskError) -> UInt64 {
    try disk.withState { state throws(DiskError) in
      try state.admit("size", name)
      return UInt64(state.files[number].content.count)
    }
  }

  public func read(
    at offset: UInt64, count: Int, into buffer: inout ByteBuffer
  ) throws(DiskError) -> Int {
    let bytes = try disk.withState { state throws(DiskError) in
      try state.admit("read", name)
      let content = state.files[number].content
      let start = min(Int(offset), content.count)
      return [UInt8](content[start..<min(content.count, start + count)])
    }
    buffer.append(bytes)
    return bytes.count
  }

  public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(DiskError) {
    let bytes = [UInt8](copying: bytes)
    try disk.withState { state throws(DiskError) in
      try state.write(bytes, at: Int(offset), file: number, name: name)
    }
  }

  public func truncate(to size: UInt64) throws(DiskError) {
    try disk.withState { state throws(DiskError) in
      try state.truncate(to: Int(size), file: number, name: name)
    }
  }

  public func sync() throws(DiskError) {
    try disk.withState { state throws(DiskError) in
      try state.sync(file: number, name: name)
    }
  }
}
