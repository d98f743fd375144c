public import Bytes
internal import CLinux
public import Durability
internal import Glibc

/// A file of a `FileDisk`, open for reading and writing.
public final class OpenFile: DiskFile {
  private let file: Descriptor
  private let name: String

  init(_ file: consuming Descriptor, name: String) {
    self.file = file
    self.name = name
  }

  public func size() throws(DiskError) -> UInt64 {
    var status = stat()
    guard unsafe fstat(file.raw, &status) == 0 else { throw failure("fstat") }
    return UInt64(status.st_size)
  }

  public func read(
    at offset: UInt64, count: Int, into buffer: inout ByteBuffer
  ) throws(DiskError) -> Int {
    guard count > 0 else { return 0 }
    return try unsafe buffer.fill(minimum: count) { room throws(DiskError) in
      var done = 0
      while done < count {
        let got = retryingInterrupts {
          unsafe pread(
            file.raw, room.baseAddress! + done, count - done, off_t(offset) + off_t(done))
        }
        guard got >= 0 else { throw failure("pread") }
        if got == 0 { break }
        done += got
      }
      return done
    }
  }

  public func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(DiskError) {
    var done = 0
    while done < bytes.count {
      let put = unsafe bytes.withUnsafeBytes { source in
        retryingInterrupts {
          unsafe pwrite(
            file.raw, source.baseAddress! + done, source.count - done,
            off_t(offset) + off_t(done))
        }
      }
      guard put >= 0 else { throw failure("pwrite") }
      // A disk that takes nothing and reports nothing would be tried for ever.
      guard put > 0 else { throw DiskError(call: "pwrite", name: name, code: EIO) }
      done += put
    }
  }

  public func truncate(to size: UInt64) throws(DiskError) {
    guard retryingInterrupts({ ftruncate(file.raw, off_t(size)) }) == 0 else {
      throw failure("ftruncate")
    }
  }

  public func sync() throws(DiskError) {
    guard fdatasync(file.raw) == 0 else { throw failure("fdatasync") }
  }

  private func failure(_ call: StaticString) -> DiskError {
    DiskError(call: call, name: name, code: errno)
  }
}
