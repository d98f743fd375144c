import Foundation

/// A small file system of its own, where the machine lets tests mount one.
struct SmallFileSystem: Sendable {
  let directory: TemporaryDirectory

  /// Whether this process may mount: root with the right to do so.
  static let isPermitted: Bool = {
    guard let probe = try? TemporaryDirectory() else { return false }
    guard mount("tmpfs", probe.path, "tmpfs", 0, "size=1m") == 0 else { return false }
    umount(probe.path)
    return true
  }()

  static let whyNot = "mounting a small tmpfs is not permitted here (needs root and CAP_SYS_ADMIN)"

  /// Mounts `options` (as in `size=24m` or `ro`) and takes it down again when the test run ends.
  init(_ options: String, readOnly: Bool = false) throws {
    directory = try TemporaryDirectory()
    let flags: UInt = readOnly ? 1 : 0  // MS_RDONLY
    guard mount("tmpfs", directory.path, "tmpfs", flags, options) == 0 else {
      throw Trouble("mount: errno \(errno)")
    }
    let path = directory.path
    AtExit.shared.add { Self.takeDown(path) }
  }

  /// Takes a file system away, whoever still uses it; nothing happens where there is none.
  static func takeDown(_ path: String) { umount2(path, 2) }  // MNT_DETACH

  /// Bytes that are still free.
  var freeBytes: Int {
    var figures = statvfs()
    statvfs(directory.path, &figures)
    return Int(figures.f_bavail) * Int(figures.f_frsize)
  }
}

@_silgen_name("mount") private func mount(
  _ source: UnsafePointer<CChar>, _ target: UnsafePointer<CChar>, _ type: UnsafePointer<CChar>,
  _ flags: UInt, _ data: UnsafePointer<CChar>
) -> Int32
@discardableResult
@_silgen_name("umount") private func umount(_ target: UnsafePointer<CChar>) -> Int32
@discardableResult
@_silgen_name("umount2") private func umount2(
  _ target: UnsafePointer<CChar>, _ flags: Int32
) -> Int32
