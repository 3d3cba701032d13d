import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { App } from "./App";
import { readFilters } from "./collection/filters";
import { CollectionPage } from "./collection/CollectionPage";
import { readSearch } from "./search/address";
import { NotFound } from "./NotFound";

const root = createRootRoute({ component: App, notFoundComponent: NotFound });

const collection = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: readFilters,
  component: CollectionPage,
});

const search = createRoute({
  getParentRoute: () => root,
  path: "/search",
  validateSearch: readSearch,
  component: lazyRouteComponent(() => import("./search/SearchPage"), "SearchPage"),
});

const item = createRoute({
  getParentRoute: () => root,
  path: "/items/$itemId",
  component: lazyRouteComponent(() => import("./item/ItemPage"), "ItemPage"),
});

/** `session`: an earlier conversation; `about`: item ids, separated by commas, that the question is about. */
const chat = createRoute({
  getParentRoute: () => root,
  path: "/chat",
  validateSearch: (given: Record<string, unknown>): { session?: string; about?: string } => ({
    ...(typeof given["session"] === "string" && { session: given["session"] }),
    ...(typeof given["about"] === "string" && { about: given["about"] }),
  }),
  component: lazyRouteComponent(() => import("./chat/ChatPage"), "ChatPage"),
});

const account = createRoute({
  getParentRoute: () => root,
  path: "/account",
  component: lazyRouteComponent(() => import("./account/AccountPage"), "AccountPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([collection, search, item, chat, account]),
  scrollRestoration: true,
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
