import Testing

/// `#expect` for conditions about what cannot be copied or escape, which the macro would take
/// apart.
func check(
  _ condition: Bool, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(condition, comment, sourceLocation: sourceLocation)
}
