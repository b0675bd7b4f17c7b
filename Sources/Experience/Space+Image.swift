extension Space {
    /// Height, width and colours of a space of images: bytes of all values, row by row, the colours of a pixel beside each
    /// other. Nil for other spaces.
    package var imageShape: (height: Int, width: Int, colours: Int)? {
        guard case .box(let shape, .uint8, 0, 255) = self, shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
            return nil
        }
        return (shape[0], shape[1], shape[2])
    }
}
