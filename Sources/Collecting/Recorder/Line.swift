/// A queue, first in, first out, in one array: what was given out is cut off its front now and then, at least 64 at
/// a time, so that each element is moved less than once on average.
struct Line<Element> {
    private var elements: [Element] = []
    private var next = 0

    /// Elements that were not given out.
    var count: Int { elements.count - next }
    var first: Element? { next < elements.count ? elements[next] : nil }

    mutating func append(_ element: Element) { elements.append(element) }

    /// Gives out the element that has waited longest; nil where there is none.
    mutating func popFirst() -> Element? {
        guard let element = first else { return nil }
        next += 1
        // What was given out is let go of now and then, not each time.
        if next >= 64, 2 * next >= elements.count {
            elements.removeFirst(next)
            next = 0
        }
        return element
    }
}
