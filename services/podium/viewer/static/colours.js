// One colour per side of the body, told apart under every common colour blindness
// (Okabe and Ito, "Color Universal Design", 2008). Right bones are dashed where lines are thin.

export const SIDE = { left: "#56b4e9", right: "#e69f00", centre: "#f0f0f0" }; // on pictures
export const SIDE_ON_PAGE = {
  light: { left: "#0072b2", right: "#d55e00", centre: "#444444" },
  dark: { left: "#56b4e9", right: "#e69f00", centre: "#d8dde3" },
};

/** Whether the page is dark just now. */
const dark = matchMedia("(prefers-color-scheme: dark)");
export const isDark = () => dark.matches;

export const sideOnPage = (side) => SIDE_ON_PAGE[isDark() ? "dark" : "light"][side];

/** The colour of the first or the second of two that are compared. */
export const compared = (number) => sideOnPage(["left", "right"][number]);
