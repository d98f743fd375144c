public import Bytes

/// The PATCH of a record: members of one object replace or join those of another, at the top
/// level only. `null` is a value like any other and stays.
public enum MergePatch {
  /// Appends the merged object to `result`, in time proportional to both documents.
  ///
  /// Both documents must have been checked; one that is no object throws `notAnObject`. Untouched
  /// members keep their bytes, their order and the white space around them; a replaced member
  /// keeps its place and its name as written; new ones follow in the order of the patch. A name is
  /// compared decoded and byte by byte. Repeated in the patch, its last value counts; repeated in
  /// the target and touched, one member of that name is left.
  public static func shallow(
    target: Span<UInt8>, patch: Span<UInt8>, into result: inout ByteBuffer
  ) throws(JSONError) {
    let targetObject = try object(in: target)
    var members = MemberTable(try object(in: patch), in: patch)
    var scratch = ByteBuffer()
    result.reserve(target.count + patch.count + 1)

    // What stands before `copied` is written or left out for good; `memberEnd` is behind the last
    // member read, so that the comma in front of the next one can still be left out.
    var copied = targetObject.range.lowerBound
    var memberEnd = copied + 1
    var isEmpty = true
    var cursor = JSONCursor(targetObject)
    while let member = cursor.nextMember(in: target) {
      let value = member.value.range
      if let entry = members.find(member.name, in: target, of: patch, scratch: &scratch) {
        if members.place(entry) {
          result.append(target.extracting(copied..<value.lowerBound))
          result.append(patch.extracting(members.entries[entry].value))
        } else {
          // An earlier member of this name has the new value already.
          result.append(target.extracting(copied..<memberEnd))
        }
        copied = value.upperBound
      }
      memberEnd = value.upperBound
      isEmpty = false
    }
    result.append(target.extracting(copied..<memberEnd))

    for entry in members.entries where !entry.isPlaced {
      if !isEmpty { result.append(Ascii.comma) }
      isEmpty = false
      result.append(patch.extracting(entry.name))
      result.append(Ascii.colon)
      result.append(patch.extracting(entry.value))
    }
    result.append(target.extracting(memberEnd..<targetObject.range.upperBound))
  }

  private static func object(in document: Span<UInt8>) throws(JSONError) -> JSONElement {
    guard let root = JSONReader.root(of: document), root.kind == .object else {
      throw JSONError(reason: .notAnObject, offset: 0)
    }
    return root
  }
}
