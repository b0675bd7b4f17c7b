/// Of an image (height, width, colours) of bytes, row by row, the colours of a pixel beside each other.
package struct ImageSize: Sendable, Hashable {
    package let height: Int
    package let width: Int
    /// Values of a pixel, 0 to 255 each.
    package let colours: Int

    package init(height: Int, width: Int, colours: Int) {
        (self.height, self.width, self.colours) = (height, width, colours)
    }

    package var byteCount: Int { height * width * colours }
}
