// Measures the page in each frame: what overlaps, sticks out or is hard to read. The result is JSON in the body of the page
// that has the frames.

const LEAST_CONTRAST = 4.5;
// Chart labels are not smaller, in pixels.
const LEAST_TYPE = 9;

function measure(frame) {
  const document = frame.contentDocument, window = frame.contentWindow, root = document.documentElement;
  const faults = [];
  const fault = (what, element) =>
    faults.push(`${what}: <${element.tagName.toLowerCase()}> ${element.textContent.trim().slice(0, 60)}`);
  if (root.scrollWidth > root.clientWidth) {
    faults.push(`the page is ${root.scrollWidth} pixels wide, expected at most ${root.clientWidth}`);
  }
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 && !element.closest('.scroll')) fault('sticks out at the right', element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (hasText && element.tagName !== 'title') contrast(element, window, fault);
  }
  document.querySelectorAll('svg').forEach((svg) => chart(svg, window, fault));
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => faults.push(`two elements have the id ${id}`));
  const loaded = window.performance.getEntriesByType('resource').map((entry) => entry.name);
  if (loaded.length) faults.push(`the page loads ${loaded}`);
  return { width: root.clientWidth, charts: document.querySelectorAll('svg').length, faults };
}

function chart(svg, window, fault) {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((text) => [text, text.getBoundingClientRect()]);
  for (const [at, [text, box]] of texts.entries()) {
    const isInside = box.left >= frame.left - 0.5 && box.right <= frame.right + 0.5 &&
      box.top >= frame.top - 0.5 && box.bottom <= frame.bottom + 0.5;
    if (!isInside) fault('is cut off by the edge of its chart', text);
    const scale = frame.width / svg.viewBox.baseVal.width;
    const size = parseFloat(window.getComputedStyle(text).fontSize) * scale;
    if (size < LEAST_TYPE) fault(`has type of ${size.toFixed(1)} pixels`, text);
    for (const [other, otherBox] of texts.slice(at + 1)) {
      if (overlap(box, otherBox)) fault(`overlaps "${other.textContent}"`, text);
    }
  }
}

// Whether the letters of two texts meet. A box is higher than its letters.
function overlap(one, other) {
  const room = (box) => box.height * 0.15;
  return one.left < other.right && other.left < one.right &&
    one.top + room(one) < other.bottom - room(other) && other.top + room(other) < one.bottom - room(one);
}

function contrast(element, window, fault) {
  const style = window.getComputedStyle(element);
  const ink = colour(element.closest('svg') ? style.fill : style.color);
  const value = ratio(ink, ground(element, window));
  if (!(value >= LEAST_CONTRAST)) fault(`has a contrast of ${value.toFixed(2)}`, element);
}

// The colour behind an element: that of the nearest one that is not transparent.
function ground(element, window) {
  for (let at = element; at; at = at.parentElement) {
    const found = colour(window.getComputedStyle(at).backgroundColor);
    if (found[3] > 0) return found;
  }
  return [255, 255, 255, 1];
}

function colour(text) {
  const numbers = text.match(/[\d.]+/g).map(Number);
  return numbers.length > 3 ? numbers : [...numbers, 1];
}

// As the Web Content Accessibility Guidelines 2 define it.
function ratio(one, other) {
  const light = ([red, green, blue]) => {
    const linear = [red, green, blue].map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const [lighter, darker] = [light(one), light(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

window.onload = () => {
  let result;
  try {
    result = [...document.querySelectorAll('iframe')].map(measure);
  } catch (error) {
    result = String(error);
  }
  document.body.textContent = `MEASURED${JSON.stringify(result)}MEASURED`;
};
