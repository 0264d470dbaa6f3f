package main

import (
	"encoding/xml"
	"html"
	"slices"
	"strings"
)

// A stanza, or another element: its attributes, and its content as it was written.
type stanza struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Inner   string     `xml:",innerxml"`
}

func read(text string) (st stanza) {
	if err := xml.Unmarshal([]byte(text), &st); err != nil {
		panic(err)
	}
	return st
}

func element(name string, attributes ...string) stanza {
	st := stanza{XMLName: xml.Name{Local: name}}
	for i := 0; i < len(attributes); i += 2 {
		st = st.with(attributes[i], attributes[i+1])
	}
	return st
}

func (st stanza) get(name string) string {
	for _, each := range st.Attrs {
		if each.Name.Local == name {
			return each.Value
		}
	}
	return ""
}

// with returns a copy with this attribute, or without it if it has no value.
func (st stanza) with(name, value string) stanza {
	st.Attrs = slices.DeleteFunc(slices.Clone(st.Attrs), func(each xml.Attr) bool { return each.Name.Local == name })
	if value != "" {
		st.Attrs = append(st.Attrs, xml.Attr{Name: xml.Name{Local: name}, Value: value})
	}
	return st
}

func (st stanza) holding(inner string) stanza {
	st.Inner = inner
	return st
}

// child returns the first child, and whether there is one.
func (st stanza) child() (stanza, bool) {
	var all struct {
		Children []stanza `xml:",any"`
	}
	if err := xml.Unmarshal([]byte("<all>"+st.Inner+"</all>"), &all); err != nil || len(all.Children) == 0 {
		return stanza{}, false
	}
	return all.Children[0], true
}

func (st stanza) String() string {
	text := "<" + st.XMLName.Local
	for _, each := range st.Attrs {
		name := each.Name.Local
		if name == "lang" {
			name = "xml:lang"
		}
		if name != "xmlns" {
			text += " " + name + "='" + html.EscapeString(each.Value) + "'"
		}
	}
	if st.Inner == "" {
		return text + "/>"
	}
	return text + ">" + st.Inner + "</" + st.XMLName.Local + ">"
}

// failed returns the error that answers a stanza.
func (st stanza) failed(condition string) stanza {
	kind := "cancel"
	if condition == "bad-request" || condition == "not-acceptable" {
		kind = "modify"
	}
	answer := element(st.XMLName.Local, "type", "error", "id", st.get("id"), "from", st.get("to"), "to", st.get("from"))
	condition = "<" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
	return answer.holding("<error type='" + kind + "'>" + condition + "</error>")
}

func roster(kind, id, content string) stanza {
	return element("iq", "type", kind, "id", id).holding("<query xmlns='jabber:iq:roster'>" + content + "</query>")
}

func bare(jid string) string {
	before, _, _ := strings.Cut(jid, "/")
	return before
}
