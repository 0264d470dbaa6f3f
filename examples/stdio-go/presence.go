package main

import (
	"encoding/xml"
	"slices"
	"strings"
)

var subscriptionTypes = []string{"subscribe", "subscribed", "unsubscribe", "unsubscribed"}

// A contact, as the protocol has an item of a roster.
type contact struct {
	JID          string   `json:"jid"`
	Subscription string   `json:"subscription"`
	Ask          bool     `json:"ask"`
	PendingIn    *string  `json:"pending_in"`
	Name         string   `json:"name"`
	Groups       []string `json:"groups"`
	Listed       bool     `json:"listed"`
}

// sees: whether the user sees the contact's presence; seen: whether the contact sees the user's.
func (c *contact) sees() bool { return c.Subscription == "to" || c.Subscription == "both" }
func (c *contact) seen() bool { return c.Subscription == "from" || c.Subscription == "both" }

func (c *contact) set(sees, seen bool) {
	switch {
	case sees && seen:
		c.Subscription = "both"
	case sees:
		c.Subscription = "to"
	case seen:
		c.Subscription = "from"
	default:
		c.Subscription = "none"
	}
}

func (c *contact) item() string {
	item := element("item", "jid", c.JID, "subscription", c.Subscription, "name", c.Name)
	if c.Ask {
		item = item.with("ask", "subscribe")
	}
	for _, each := range c.Groups {
		group := element("group")
		text := &strings.Builder{}
		_ = xml.EscapeText(text, []byte(each))
		item.Inner += group.holding(text.String()).String()
	}
	return item.String()
}

func groups(item stanza) []string {
	var all struct {
		Groups []string `xml:"group"`
	}
	_ = xml.Unmarshal([]byte("<all>"+item.Inner+"</all>"), &all)
	return append([]string{}, all.Groups...)
}

func (a *account) contact(jid string) *contact {
	for _, each := range a.Roster {
		if each.JID == jid {
			return each
		}
	}
	return &contact{JID: jid, Subscription: "none", Groups: []string{}}
}

// change keeps a contact as it is now, and pushes its item if that has changed.
func (a *account) change(c *contact, before string) {
	a.Roster = slices.DeleteFunc(a.Roster, func(each *contact) bool { return each == c })
	if c.Listed || c.PendingIn != nil {
		a.Roster = append(a.Roster, c)
	}
	if c.Listed && c.item() != before {
		a.push(c.item())
	}
}

// outbound takes a subscription stanza of the user (Appendix A.2).
func (a *account) outbound(st stanza) {
	to, kind := bare(st.get("to")), st.get("type")
	if to == "" || to == a.jid {
		panic("a subscription needs a contact")
	}
	c := a.contact(to)
	before, seen := c.item(), c.seen()
	adds := kind == "subscribe" && !c.sees() || kind == "subscribed"
	switch {
	case (kind == "subscribed" || kind == "unsubscribed") && c.PendingIn == nil && !(kind == "unsubscribed" && seen):
		return
	case kind == "subscribe":
		c.Ask = !c.sees()
	case kind == "unsubscribe":
		c.Ask = false
		c.set(false, seen)
	default:
		c.PendingIn = nil
		c.set(c.sees(), kind == "subscribed")
	}
	if kind == "unsubscribed" && seen {
		a.hide(to)
	}
	a.srv.route(st.with("from", a.jid).with("to", to))
	c.Listed = c.Listed || adds
	a.change(c, before)
	if kind == "subscribed" {
		for _, each := range a.those(available) {
			a.srv.route(each.presence.with("to", to))
		}
	}
}

// subscription takes a subscription stanza of a contact (Appendix A.3).
func (a *account) subscription(st stanza) {
	from, kind := bare(st.get("from")), st.get("type")
	if to := st.get("to"); to != a.jid && kind != "subscribe" && len(a.at(to)) == 0 {
		return // 8.5.3.2.2
	}
	c := a.contact(from)
	before, seen := c.item(), c.seen()
	st = st.with("to", a.jid)
	switch {
	case kind == "subscribe" && seen:
		a.srv.route(element("presence", "from", a.jid, "to", from, "type", "subscribed"))
	case kind == "subscribe" && c.PendingIn == nil:
		text := st.String()
		c.PendingIn = &text
		a.change(c, before)
		a.give(a.those(available), st)
	case kind == "subscribed" && c.Ask, kind == "unsubscribed" && (c.Ask || c.sees()):
		c.Ask = false
		c.set(kind == "subscribed", seen)
		a.give(a.those(interested), st)
		a.change(c, before)
	case kind == "unsubscribe" && (seen || c.PendingIn != nil):
		c.PendingIn = nil
		c.set(c.sees(), false)
		a.give(a.those(interested), st)
		a.change(c, before)
		if seen {
			a.hide(from)
		}
		a.srv.route(element("presence", "from", a.jid, "to", from, "type", "unsubscribed"))
	}
}

// hide sends unavailable presence of each available resource.
func (a *account) hide(to string) {
	for _, each := range a.those(available) {
		a.srv.route(element("presence", "from", each.jid, "to", to, "type", "unavailable"))
	}
}

// remove ends what there is with a contact, and drops the item.
func (a *account) remove(s *session, st, item, reply stanza) {
	c := a.contact(bare(item.get("jid")))
	if !c.Listed {
		a.give([]*session{s}, st.failed("item-not-found").with("to", s.jid))
		return
	}
	a.give([]*session{s}, reply)
	if c.seen() {
		a.hide(c.JID)
	}
	if c.sees() || c.Ask {
		a.srv.route(element("presence", "from", a.jid, "to", c.JID, "type", "unsubscribe"))
	}
	if c.seen() {
		a.srv.route(element("presence", "from", a.jid, "to", c.JID, "type", "unsubscribed"))
	}
	*c = contact{JID: c.JID, Subscription: "none", Groups: []string{}, PendingIn: c.PendingIn}
	a.change(c, "")
	a.push(element("item", "jid", c.JID, "subscription", "remove").String())
}

// broadcast tells subscribers and the user's resources of a resource (4.2, 4.4, 4.5).
func (a *account) broadcast(s *session, st stanza) {
	initial, leaves := !available(s), st.get("type") == "unavailable"
	if !leaves {
		s.presence = &st
	}
	var to []string
	for _, each := range a.Roster {
		if each.seen() && available(s) && each.JID != a.jid {
			to = append(to, each.JID)
		}
	}
	for _, each := range s.directed {
		if leaves && !slices.Contains(to, bare(each)) {
			to = append(to, each)
		}
	}
	for _, each := range to {
		a.srv.route(st.with("to", each))
	}
	if available(s) {
		a.give(a.those(available), st.with("to", a.jid))
	}
	if leaves {
		s.presence, s.directed = nil, nil
	} else if initial {
		a.catchUp(s)
	}
}

// catchUp gives a new resource the presence of contacts and own resources, and the requests that wait.
func (a *account) catchUp(s *session) {
	for _, each := range a.Roster {
		if owner, local := a.srv.accounts[each.JID]; each.sees() && local && each.JID != a.jid {
			owner.probed(element("presence", "from", s.jid, "to", each.JID))
		} else if each.sees() && each.JID != a.jid {
			a.srv.route(element("presence", "from", a.jid, "to", each.JID, "type", "probe"))
		}
	}
	for _, each := range a.those(available) {
		if each != s {
			a.give([]*session{s}, each.presence.with("to", a.jid))
		}
	}
	for _, each := range a.Roster {
		if each.PendingIn != nil {
			a.give([]*session{s}, read(*each.PendingIn))
		}
	}
}

// probed tells a subscriber which resources are available (4.3.2).
func (a *account) probed(probe stanza) {
	from := probe.get("from")
	if !a.contact(bare(from)).seen() || probe.get("to") != a.jid {
		panic("only subscribers may probe, and only accounts")
	}
	for _, each := range a.those(available) {
		a.srv.route(each.presence.with("to", from))
	}
	if len(a.those(available)) == 0 {
		a.srv.route(element("presence", "from", a.jid, "to", from, "type", "unavailable"))
	}
}
