package main

import (
	"fmt"
	"slices"
	"strings"
)

type server struct {
	accounts map[string]*account
	deliver  [][2]string
	remote   []string
	pushes   int
}

type account struct {
	Roster   []*contact `json:"roster"`
	sessions []*session
	jid      string
	srv      *server
}

type session struct {
	jid        string
	interested bool     // has asked for the roster
	presence   *stanza  // what was broadcast last; nil if it is not available
	directed   []string // who else got presence
}

func available(s *session) bool  { return s.presence != nil }
func interested(s *session) bool { return s.interested }

// route sends a stanza to the account or the server of its recipient.
func (srv *server) route(st stanza) {
	to := bare(st.get("to"))
	owner, local := srv.accounts[to]
	switch domain := to[strings.Index(to, "@")+1:]; {
	case local:
		owner.inbound(st)
	case domain == "remote.example":
		srv.remote = append(srv.remote, st.String())
	case domain != "capulet.example" && domain != "montague.example" || domain == to:
		panic("only users of two domains and another server can be reached")
	case st.XMLName.Local != "presence" && st.get("type") != "error":
		srv.route(st.failed("service-unavailable"))
	}
}

func (a *account) give(sessions []*session, st stanza) {
	for _, each := range sessions {
		a.srv.deliver = append(a.srv.deliver, [2]string{each.jid, st.String()})
	}
}

func (a *account) those(which func(*session) bool) (found []*session) {
	for _, each := range a.sessions {
		if which(each) {
			found = append(found, each)
		}
	}
	return found
}

func (a *account) at(jid string) []*session {
	return a.those(func(s *session) bool { return s.jid == jid })
}

// send takes a stanza of a client.
func (a *account) send(s *session, st stanza) {
	st = st.with("from", s.jid)
	to, kind := st.get("to"), st.get("type")
	switch name := st.XMLName.Local; {
	case name == "iq" && (to == "" || to == a.jid):
		a.iq(s, st)
	case name == "message" && to == "":
		a.srv.route(st.with("to", a.jid))
	case name != "presence" || kind == "probe" || kind == "error":
		a.srv.route(st)
	case slices.Contains(subscriptionTypes, kind):
		a.outbound(st)
	case to == "" && (kind == "" || kind == "unavailable"):
		a.broadcast(s, st)
	case kind == "" || kind == "unavailable":
		s.directed = slices.DeleteFunc(s.directed, func(jid string) bool { return jid == to })
		if kind == "" && (!available(s) || !a.contact(bare(to)).seen()) {
			s.directed = append(s.directed, to)
		}
		a.srv.route(st)
	default:
		a.give([]*session{s}, st.failed("bad-request"))
	}
}

// iq answers a request for the roster, or changes an item.
func (a *account) iq(s *session, st stanza) {
	query, _ := st.child()
	item, stated := query.child()
	reply := element("iq", "type", "result", "id", st.get("id"), "to", s.jid, "from", st.get("to"))
	switch kind := st.get("type"); {
	case kind == "result" || kind == "error":
	case query.XMLName.Space != "jabber:iq:roster" || stated == (kind == "get") || strings.Count(query.Inner, "<item") > 1:
		panic("there are no requests but those of a roster")
	case kind == "get":
		s.interested = true
		items := ""
		for _, each := range a.Roster {
			if each.Listed {
				items += each.item()
			}
		}
		a.give([]*session{s}, roster("result", st.get("id"), items).with("to", s.jid).with("from", st.get("to")))
	case item.get("subscription") == "remove":
		a.remove(s, st, item, reply)
	default:
		c := a.contact(bare(item.get("jid")))
		before := c.item()
		if !c.Listed {
			before = ""
		}
		c.Listed, c.Name, c.Groups = true, item.get("name"), groups(item)
		a.give([]*session{s}, reply)
		a.change(c, before)
	}
}

// inbound takes a stanza for the account.
func (a *account) inbound(st stanza) {
	to, kind := st.get("to"), st.get("type")
	matched := a.at(to)
	if !slices.Contains([]string{"chat", "groupchat", "headline", "error"}, kind) && st.XMLName.Local == "message" {
		kind = "normal" // 5.2.2
	}
	switch name := st.XMLName.Local; {
	case name == "presence" && slices.Contains(subscriptionTypes, kind):
		a.subscription(st)
	case name == "presence" && kind == "probe":
		a.probed(st)
	case name == "presence" && to == a.jid:
		a.give(a.those(available), st)
	case len(matched) > 0 || name == "presence":
		a.give(matched, st)
	case name == "message" && len(a.those(willing)) > 0 && (kind == "normal" || kind == "chat"):
		a.give(a.those(willing), st)
	case name == "message" && kind == "headline" && to == a.jid:
		a.give(a.those(willing), st)
	case kind == "normal" || kind == "chat" || kind == "groupchat":
		a.srv.route(st.failed("service-unavailable").with("to", st.get("from")))
	case name == "iq" && kind != "result" && kind != "error":
		a.srv.route(st.failed("service-unavailable"))
	}
}

func willing(s *session) bool {
	return available(s) && !strings.Contains(s.presence.Inner, "<priority>-")
}

// leave ends a session.
func (a *account) leave(s *session) {
	a.broadcast(s, element("presence", "type", "unavailable", "from", s.jid))
	a.sessions = slices.DeleteFunc(a.sessions, func(each *session) bool { return each == s })
}

func (a *account) push(item string) {
	a.srv.pushes++
	for _, each := range a.those(interested) {
		a.give([]*session{each}, roster("set", fmt.Sprint("push", a.srv.pushes), item).with("to", each.jid))
	}
}
