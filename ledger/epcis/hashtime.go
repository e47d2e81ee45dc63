package epcis

import (
	"strconv"
	"strings"
	"time"
)

// utcText writes an ISO 8601 time in UTC with milliseconds, the fourth digit
// rounded half up; false if it is not such a time.
func utcText(text string) (string, bool) {
	if len(text) < len("2006-01-02T15:04:05Z") || text[10] != 'T' {
		return "", false
	}
	var field [6]int64
	for n, at := range []struct{ from, to int }{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		if !allDigits(text[at.from:at.to]) {
			return "", false
		}
		field[n], _ = strconv.ParseInt(text[at.from:at.to], 10, 64)
	}
	if text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' || field[1] < 1 || field[1] > 12 || field[2] < 1 || field[2] > 31 {
		return "", false
	}
	rest := text[19:]
	millis := int64(0)
	if strings.HasPrefix(rest, ".") {
		end := 1
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		digits := (rest[1:end] + "0000")[:4]
		if end == 1 {
			return "", false
		}
		tenths, _ := strconv.ParseInt(digits, 10, 64)
		millis, rest = (tenths+5)/10, rest[end:]
	}
	offset, ok := offsetMinutes(rest)
	if !ok {
		return "", false
	}
	seconds := ((days(field[0], field[1], field[2])*24+field[3])*60+field[4]-offset)*60 + field[5]
	return time.UnixMilli(seconds*1000 + millis).UTC().Format("2006-01-02T15:04:05.000Z"), true
}

func offsetMinutes(text string) (int64, bool) {
	if text == "Z" {
		return 0, true
	}
	if len(text) != 6 || text[3] != ':' || !allDigits(text[1:3]) || !allDigits(text[4:]) || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	hours, _ := strconv.ParseInt(text[1:3], 10, 64)
	minutes, _ := strconv.ParseInt(text[4:], 10, 64)
	if text[0] == '-' {
		return -hours*60 - minutes, true
	}
	return hours*60 + minutes, true
}

// days counts from 1970-01-01 in the Gregorian calendar.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	ofEra := year - era*400
	ofYear := (153*((month+9)%12)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}
