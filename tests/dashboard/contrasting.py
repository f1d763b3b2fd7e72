"""The contrast of everything that is read on a page, from the colours that the browser has computed."""

from playwright.sync_api import Page

READ = 4.5  # WCAG 2.2, 1.4.3
LARGE = 3.0  # of 24 px, or of 18.66 px in bold
FAINT = """([read, large]) => {
    const channels = (color) => {
        const found = color.match(/[\\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
        const unit = color.startsWith('color(') ? 255 : 1;
        const [r, g, b, a = 1] = found;
        return [unit * r, unit * g, unit * b, a];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((each, i) => a * each + (1 - a) * below[i]);
    const light = (rgb) => {
        const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = rgb.map((each) => linear(each / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const above = (node) => node.parentElement ?? node.getRootNode().host ?? null;
    const ground = (node) => {
        const layers = [];
        for (let at = node; at; at = above(at)) layers.push(channels(getComputedStyle(at).backgroundColor));
        const page = channels(getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor);
        return layers.reverse().reduce((below, layer) => over(layer, below), page.slice(0, 3));
    };
    const fadeOf = (node) => {
        let fade = 1;
        for (let at = node; at; at = above(at)) fade *= Number(getComputedStyle(at).opacity);
        return fade;
    };
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const faint = [];
    for (const node of root.querySelectorAll('*')) {
        const own = [...node.childNodes].filter((each) => each.nodeType === 3 && each.data.trim());
        const box = node.getBoundingClientRect(), style = getComputedStyle(node);
        const off = node.closest(':disabled, [data-disabled], option, style, label:has(:disabled)');
        if (!own.length || !box.width || !box.height || style.visibility === 'hidden' || off) continue;
        const below = ground(node), color = channels(node instanceof SVGElement ? style.fill : style.color);
        const seen = light(over([...color.slice(0, 3), color[3] * fadeOf(node)], below));
        const [a, b] = [seen, light(below)].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize), big = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (big ? large : read)) faint.push(`${own[0].data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return faint;
}"""


def faint(page: Page) -> list[str]:
    """The texts of the board that are harder to read than AA allows, each with its contrast."""
    return page.evaluate(FAINT, [READ, LARGE])
