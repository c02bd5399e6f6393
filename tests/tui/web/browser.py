"""A real Chromium, and what its terminal shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, TimeoutError, async_playwright  # noqa: A004

CHROMIUM = "/usr/bin/chromium"
PATIENCE_SECONDS = 60.0

# xterm.js registers its buffer service in a map, and has no other way to it that a page could use.
_BUFFER = """
const set = Map.prototype.set;
Map.prototype.set = function (key, value) {
  if (value?.buffers && value.buffer && "cols" in value) window.shown = value;
  return set.call(this, key, value);
};
"""
_TEXT = """() => {
  if (!window.shown) return "";
  const { buffer, rows } = window.shown;
  return Array.from({length: rows}, (_, y) =>
    buffer.lines.get(buffer.ydisp + y)?.translateToString(true) ?? "").join("\\n");
}"""
_PASTE = """text => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  document.querySelector("#terminal textarea").dispatchEvent(
    new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A headless Chromium for as long as the block lasts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """One page, everything it asked for, and what its terminal shows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda websocket: self.requests.append(websocket.url))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @classmethod
    async def of(cls, browser: Browser) -> Tab:
        """A tab in a profile of its own."""
        context = await browser.new_context(viewport={"width": 1000, "height": 620})
        await context.add_init_script(_BUFFER)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        return cls(page)

    async def beside(self) -> Tab:
        """Another tab of the same browser profile."""
        return Tab(await self.page.context.new_page())

    async def sign_in(self, email: str, password: str) -> None:
        """Fill the form in and send it."""
        await self.page.fill("input[name=email]", email)
        await self.page.fill("input[name=password]", password)
        await self.page.click("button")

    async def text(self) -> str:
        """What the terminal shows."""
        shown: str = await self.page.evaluate(_TEXT)
        return shown

    async def sees(self, words: str, *, there: bool = True, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the words are on the terminal, or no more."""
        met = f"([words, there]) => window.shown && ({_TEXT})().includes(words) === there"
        try:
            await self.page.wait_for_function(met, arg=[words, there], polling=50, timeout=seconds * 1000)
        except TimeoutError:
            raise AssertionError(
                f"{'never' if there else 'always'} saw {words!r}:\n{await self.text()}\n{self.complaints}"
            ) from None

    async def press(self, *keys: str) -> None:
        """Press keys, as a person does who looks at the terminal."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def paste(self, text: str) -> None:
        """Paste a text into the terminal, as the browser's own menu does."""
        await self.page.evaluate(_PASTE, text)

    async def says(self, words: str) -> None:
        """Wait for the dialog over a terminal that has ended."""
        await self.page.locator("#why", has_text=words).wait_for()
